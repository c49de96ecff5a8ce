package relay

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// natsLog passes the embedded server's log on. Its notices tell of each start and
// end at length, which is not for operators. What it calls fatal would end the
// process if its own logger wrote it; here it is kept, for Start returns after it.
type natsLog struct {
	log   *slog.Logger
	fatal atomic.Pointer[string]
}

func (n *natsLog) Tracef(format string, args ...any)  { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Debugf(format string, args ...any)  { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Noticef(format string, args ...any) { n.write(slog.LevelDebug, format, args) }
func (n *natsLog) Warnf(format string, args ...any)   { n.write(slog.LevelWarn, format, args) }
func (n *natsLog) Errorf(format string, args ...any)  { n.write(slog.LevelError, format, args) }

// Fatalf is told by the error of startEmbedded, so it is no line of its own.
func (n *natsLog) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	n.fatal.CompareAndSwap(nil, &text)
}

func (n *natsLog) write(level slog.Level, format string, args []any) {
	if n.log.Enabled(context.Background(), level) {
		n.log.Log(context.Background(), level, "nats: "+explain(fmt.Sprintf(format, args...)))
	}
}
