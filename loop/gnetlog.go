package loop

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// gnetLog writes gnet's log to the daemon's log. gnet's warnings rarely matter to an operator; an
// example is an event for a connection that was closed in the same turn. So only errors are logged
// at their own level, and everything else at the debug level. The last error is kept, because gnet
// logs the error that stops its engine but returns nil.
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
	// gnet closes unix listeners twice at every shutdown, and logs this.
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
