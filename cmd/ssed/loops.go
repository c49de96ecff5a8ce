package main

import (
	"fmt"
	"log/slog"
	"runtime"
	"strconv"

	"github.com/ssed/ssed/internal/openfiles"
)

// A loopCount is the value of --loops: the number of event loops, or autoLoops.
type loopCount int

// autoLoops means one loop per CPU, except for one CPU.
const autoLoops loopCount = 0

// UnmarshalText parses a number or "auto". Kong calls it.
func (c *loopCount) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*c = autoLoops
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > openfiles.LoopsMax {
		return fmt.Errorf("invalid number %q: expected 1 to %d, or auto", text, openfiles.LoopsMax)
	}
	*c = loopCount(n)
	return nil
}

// String returns the value in the form that UnmarshalText parses.
func (c loopCount) String() string {
	if c == autoLoops {
		return "auto"
	}
	return strconv.Itoa(int(c))
}

// loops returns the number of event loops. The value auto leaves one CPU to the publishers' loop,
// the collector, the store and the admin pages. The number of CPUs is GOMAXPROCS, which the runtime
// derives from the CPU affinity and the control group's limit, rounded up.
func (f *daemonFlags) loops() int {
	if f.Loops == autoLoops {
		return min(max(1, runtime.GOMAXPROCS(0)-1), openfiles.LoopsMax)
	}
	return int(f.Loops)
}

// publishLoop returns the loop that reads from publishers: sharedLoop or ownLoop.
func (f *daemonFlags) publishLoop() string {
	switch {
	case f.PublishLoop != autoLoop:
		return f.PublishLoop
	case f.loops() > 1:
		return ownLoop
	}
	return sharedLoop
}

// checkLoops checks that publishers have a loop of their own if there are several loops.
func (f *daemonFlags) checkLoops(wrong func(flag string, err error)) {
	if f.loops() > 1 && f.PublishLoop == sharedLoop {
		wrong("publish-loop", fmt.Errorf("shared needs --loops 1, and there are %d loops: all of them must get each message in the same order, "+
			"so one separate loop reads from all publishers; use own or auto", f.loops()))
	}
}

// warnLoops warns if there are more loops than CPUs to run them.
func (f *daemonFlags) warnLoops(log *slog.Logger) {
	if cpus := runtime.GOMAXPROCS(0); f.loops() > cpus {
		log.Warn("more event loops than CPUs", "loops", f.loops(), "cpus", cpus)
	}
}
