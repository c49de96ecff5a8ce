package store

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// natsLog forwards the log of the embedded server. Its notices are logged at debug level, because
// they describe each start and stop at length.
//
// The library's own logger ends the process after a fatal line. natsLog keeps the line instead,
// and the server's Start returns. natsLog also detects failed writes, because the library
// reports them only in its log.
type natsLog struct {
	log    *slog.Logger
	dir    string                 // the store's folder
	fatal  atomic.Pointer[string] // the first fatal line; nil: none
	once   sync.Once
	failed chan struct{} // closed once a write failed
}

func newNatsLog(log *slog.Logger, dir string) *natsLog {
	return &natsLog{log: log, dir: dir, failed: make(chan struct{})}
}

// writeFailed is the text that all log lines about failed writes contain, of a file store, a stream
// or a consumer. The first letter is omitted because its case differs.
const writeFailed = "ritical write error"

func (n *natsLog) Tracef(format string, args ...any)  { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Debugf(format string, args ...any)  { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Noticef(format string, args ...any) { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Warnf(format string, args ...any)   { n.write(slog.LevelWarn, format, args) }

// Errorf logs the line. For the first failed write, it also logs what to do, and closes failed.
func (n *natsLog) Errorf(format string, args ...any) {
	n.write(slog.LevelError, format, args)
	if strings.Contains(format, writeFailed) {
		n.once.Do(func() {
			n.log.Error("store write failed; free or repair its disk", "folder", n.dir)
			close(n.failed)
		})
	}
}

// Fatalf keeps the line. It does not log it, because the error of startEmbedded contains it.
func (n *natsLog) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	n.fatal.CompareAndSwap(nil, &text)
}

func (n *natsLog) write(level slog.Level, format string, args []any) {
	if n.log.Enabled(context.Background(), level) {
		n.log.Log(context.Background(), level, "nats: "+fmt.Sprintf(format, args...))
	}
}
