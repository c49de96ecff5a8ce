package store

import (
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
	// SyncAlways has each message on the disk before its acknowledgement. Otherwise the
	// kernel has it, which outlives this process but not a power failure. Default: false.
	SyncAlways bool
	// SyncInterval is how often the kernel is told to write, without SyncAlways. Default:
	// two minutes.
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
	MaxAge       time.Duration // no message is kept for longer; default: no limit
	MaxBytes     int64         // of all messages, on each replica; default DefaultStreamBytes, negative: no limit
	PerNamespace int64         // how many messages of each namespace are kept; default: no limit
	Replicas     int           // how many servers have it; default 1
	Update       bool          // change the stream if it is there with other settings
}

func (s Stream) config(log *slog.Logger) streamConfig {
	s.MaxBytes = max(0, s.MaxBytes)
	return streamConfig{Stream: s, Log: log}
}
