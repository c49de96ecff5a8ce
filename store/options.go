package store

import (
	"log/slog"
	"time"
)

// DefaultStream is the default of Stream.Name.
const DefaultStream = "ssed"

// DefaultStreamBytes is the default of Stream.MaxBytes.
const DefaultStreamBytes = 1 << 30

// DefaultCacheBytes is the default of Embedded.CacheBytesMax. It allows publishers to store
// about 90 MB/s.
const DefaultCacheBytes = 128 << 20

// Embedded configures a NATS server in this process, with its own folder.
type Embedded struct {
	Dir string // created with mode 0700 if it is missing
	// SyncAlways acknowledges a message only when it is on the disk. Without it, a message
	// is acknowledged when the kernel has it. It then survives the end of this process, but
	// not a power failure. Default: false.
	SyncAlways bool
	// SyncInterval is how often the server syncs its files to the disk, without
	// SyncAlways. Default: two minutes.
	SyncInterval time.Duration
	// CacheBytesMax limits how many bytes of just published messages the embedded server
	// caches. While the cache is full, publishers wait for their OKs. Default:
	// DefaultCacheBytes.
	CacheBytesMax int
}

// A Stream is the name of the stream and its limits. An existing stream is used only if its
// settings are equal. With Update, different settings are changed.
type Stream struct {
	Name         string        // also the first token of its subjects; default: DefaultStream
	MaxAge       time.Duration // older messages are deleted; default: no limit
	MaxBytes     int64         // of all messages, on each replica; default: DefaultStreamBytes; negative: no limit
	PerNamespace int64         // how many messages of each namespace are kept; default: no limit
	Replicas     int           // number of servers that store the stream; default: 1
	Update       bool          // change the settings of an existing stream if they differ
}

func (s Stream) config(log *slog.Logger) streamConfig {
	s.MaxBytes = max(0, s.MaxBytes)
	return streamConfig{Stream: s, Log: log}
}
