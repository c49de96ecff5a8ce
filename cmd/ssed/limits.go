package main

import (
	"cmp"
	"fmt"
	"runtime"
	"syscall"

	"github.com/ssed/ssed/internal/openfiles"
)

// raiseLimits raises the limits of the process that the daemon depends on.
//
// Open files: every subscriber is one. The soft limit (1,024 on many systems, because of select(2))
// is raised to the hard limit, which is returned.
//
// Threads: each event loop can occupy one permanently. With no more than these, all other
// goroutines (the admin pages, the publishers' own loop) would have to wait for their turns to
// finish. Setting the number also fixes it: otherwise the runtime would follow later changes of the
// CPU affinity, down to 1.
func raiseLimits(loops int) (openFiles int, err error) {
	runtime.GOMAXPROCS(max(loops+1, runtime.GOMAXPROCS(0)))

	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0, fmt.Errorf("cannot read the limit on open files: %w", err)
	}
	files.Cur = files.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0, fmt.Errorf("cannot raise the limit on open files to %d: %w", files.Max, err)
	}
	return int(min(files.Max, openfiles.LimitMax)), nil
}

// connections divides the open files between subscribers and publishers. The sum stays below the
// limit, because an event loop that cannot accept a connection for lack of descriptors stops.
func (f *daemonFlags) connections(openFiles int) (subscribers, publishers int, err error) {
	reserve := openfiles.ReserveFor(f.loops(), len(f.Listen))
	places := openFiles - reserve
	publishers = cmp.Or(f.MaxPublishers, openfiles.Publishers(places))
	subscribers = places - publishers
	switch {
	case places < 2:
		lower := ""
		if f.loops() > 1 {
			lower = fmt.Sprintf(", or lower the number of event loops (--loops=%v)", f.Loops)
		}
		return 0, 0, fmt.Errorf("cannot serve with a limit of %d open files: raise it above %d (ulimit -Hn, or LimitNOFILE= in systemd)%s", openFiles, reserve+1, lower)
	case subscribers < 1:
		return 0, 0, &flagError{"max-publishers", fmt.Errorf("cannot serve %d: the limit of %d open files (ulimit -Hn) allows at most %d and one subscriber", f.MaxPublishers, openFiles, places-1)}
	case f.MaxConns > subscribers:
		return 0, 0, &flagError{"max-conns", fmt.Errorf("cannot serve %d: the limit of %d open files (ulimit -Hn) allows at most %d and %d publishers", f.MaxConns, openFiles, subscribers, publishers)}
	case f.MaxConns > 0:
		subscribers = f.MaxConns
	}
	return subscribers, publishers, nil
}
