package store

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// natsLog passes the embedded server's log on. Its notices tell of each start and
// end at length, which is not for operators. What it calls fatal would end the
// process if its own logger wrote it; here it is kept, for Start returns after it.
// That a write failed is told nowhere else but here.
type natsLog struct {
	log    *slog.Logger
	fatal  atomic.Pointer[string]
	once   sync.Once
	failed chan struct{} // closed once a write failed
}

func newNatsLog(log *slog.Logger) *natsLog {
	return &natsLog{log: log, failed: make(chan struct{})}
}

// writeFailed is what the lines of failed writes have in common: of a file store, a
// stream or a consumer.
const writeFailed = "ritical write error"

func (n *natsLog) Tracef(format string, args ...any)  { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Debugf(format string, args ...any)  { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Noticef(format string, args ...any) { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Warnf(format string, args ...any)   { n.write(slog.LevelWarn, format, args) }

// Errorf says, too, what to do about a failed write.
func (n *natsLog) Errorf(format string, args ...any) {
	n.write(slog.LevelError, format, args)
	if strings.Contains(format, writeFailed) {
		n.once.Do(func() {
			n.log.Error("the store cannot be written to: make room on its disk, or mend it; it is opened anew until that is done, and publishers are told ERR busy meanwhile")
			close(n.failed)
		})
	}
}

// Fatalf is told by the error of startEmbedded, so it is no line of its own.
func (n *natsLog) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	n.fatal.CompareAndSwap(nil, &text)
}

func (n *natsLog) write(level slog.Level, format string, args []any) {
	if n.log.Enabled(context.Background(), level) {
		n.log.Log(context.Background(), level, "nats: "+fmt.Sprintf(format, args...))
	}
}
