package loop

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// gnetLog passes gnet's own log on. What gnet calls a warning is seldom one for
// an operator (an event for a connection that was closed in the same turn), so
// only its errors are shown; the last one is kept, for gnet ends with it and
// returns nil.
type gnetLog struct {
	log  *slog.Logger
	last atomic.Pointer[string]
}

func (g *gnetLog) Debugf(format string, args ...any) { g.write(slog.LevelDebug, format, args) }
func (g *gnetLog) Infof(format string, args ...any)  { g.write(slog.LevelDebug, format, args) }
func (g *gnetLog) Warnf(format string, args ...any)  { g.write(slog.LevelDebug, format, args) }
func (g *gnetLog) Fatalf(format string, args ...any) { g.Errorf(format, args...) }

func (g *gnetLog) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	// Closing a unix listener twice is gnet's habit at every end.
	if strings.Contains(text, "error occurs during runtime, <nil>") {
		return
	}
	g.last.Store(&text)
	g.log.Error("gnet: " + text)
}

func (g *gnetLog) write(level slog.Level, format string, args []any) {
	if g.log.Enabled(context.Background(), level) {
		g.log.Log(context.Background(), level, "gnet: "+fmt.Sprintf(format, args...))
	}
}
