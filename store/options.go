package store

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// DefaultStream is the stream's name unless told otherwise.
const DefaultStream = "ssed"

// DefaultStreamBytes bounds what a stream takes of a disk unless told otherwise.
const DefaultStreamBytes = 1 << 30

// DefaultCacheBytes bounds the cache of the embedded server unless told
// otherwise. It lets publishers store about 90 MB/s.
const DefaultCacheBytes = 128 << 20

// Embedded configures a NATS server in this process, with a folder of its own.
type Embedded struct {
	Dir string // made, for this user only, if it is missing
	// SyncAlways has a message on the disk before it is answered. Otherwise the kernel
	// has it, which outlives this process but not a power failure, and SyncInterval is
	// how often the kernel is told to write; 0: every two minutes.
	SyncAlways   bool
	SyncInterval time.Duration
	// CacheBytesMax bounds what the embedded server caches of the messages that were
	// just published, in bytes. Publishers get their OKs later when it is full.
	// Default: DefaultCacheBytes.
	CacheBytesMax int
}

// A Stream names the stream and says what it keeps. An existing stream is used if it
// has these settings; only Update changes one that differs.
type Stream struct {
	Name         string        // also the root of its subjects; default DefaultStream
	MaxAge       time.Duration // no message is kept for longer; 0: no such limit
	MaxBytes     int64         // of all messages, on each replica; 0: DefaultStreamBytes, negative: no limit
	PerNamespace int64         // the newest so many of each namespace; 0: no such limit
	Replicas     int           // how many servers have it; default 1
	Update       bool          // change the stream if it is there with other settings
}

func (s Stream) config(log *slog.Logger) streamConfig {
	return streamConfig{
		Name:              s.Name,
		MaxAge:            s.MaxAge,
		MaxBytes:          max(0, s.MaxBytes),
		MaxMsgsPerSubject: s.PerNamespace,
		Replicas:          s.Replicas,
		Update:            s.Update,
		Log:               log,
	}
}

// streamAgeMin is the shortest limit that JetStream takes.
const streamAgeMin = 100 * time.Millisecond

// replicasMax is JetStream's own limit.
const replicasMax = 5

// check fills in the stream's defaults, and returns an error for options that are invalid
// or exclude each other.
func (o *Options) check() error {
	o.Stream.withDefaults()
	if err := o.Stream.check(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if o.Timeout < sweepInterval {
		return fmt.Errorf("store: publishers wait %v or more", sweepInterval)
	}
	if o.Embedded != nil {
		return o.checkEmbedded()
	}
	if err := o.Servers.check(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

func (s *Stream) withDefaults() {
	s.Name = cmp.Or(s.Name, DefaultStream)
	s.MaxBytes = cmp.Or(s.MaxBytes, DefaultStreamBytes)
	s.Replicas = cmp.Or(s.Replicas, 1)
}

func (s *Stream) check() error {
	if err := checkStreamName(s.Name); err != nil {
		return err
	}
	switch {
	case s.MaxAge < 0 || s.MaxAge > 0 && s.MaxAge < streamAgeMin:
		return fmt.Errorf("a stream cannot keep messages for %v: it is %v or more, or 0 for no limit", s.MaxAge, streamAgeMin)
	case s.PerNamespace < 0:
		return errors.New("the messages of a namespace are 0 (no limit) or more")
	case s.Replicas < 1 || s.Replicas > replicasMax:
		return fmt.Errorf("a stream has 1 to %d replicas, not %d", replicasMax, s.Replicas)
	}
	return nil
}

// checkEmbedded checks what an embedded server excludes.
func (o *Options) checkEmbedded() error {
	switch {
	case o.Embedded.CacheBytesMax < 0:
		return fmt.Errorf("store: invalid CacheBytesMax %d: expected a positive number of bytes, or 0 for the default", o.Embedded.CacheBytesMax)
	case len(o.Servers.URLs) > 0:
		return errors.New("store: a store of one's own and NATS servers exclude each other")
	case o.Stream.Replicas > 1:
		return errors.New("store: a store within this process has one replica; several take several NATS servers")
	}
	return nil
}
