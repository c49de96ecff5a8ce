package main

import (
	"cmp"
	"fmt"
	"runtime"
	"syscall"

	"github.com/ssed/ssed/internal/openfiles"
)

// raiseLimits gives the process what the daemon's promises rest on.
//
// Open files: every subscriber is one, so the soft limit (1,024 on many systems,
// for the sake of select(2)) goes up to the hard one, which is returned.
//
// Threads: the loop may hold one all the time. With GOMAXPROCS=1 whatever runs
// beside it (the admin pages, the publishers' own loop) would wait for its turns to
// end. Setting the number also keeps it: the runtime would otherwise follow
// later changes of CPU affinity, down to 1.
func raiseLimits() (openFiles int, err error) {
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))

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

// connections shares the open files out between subscribers and publishers. An
// event loop that cannot accept for lack of a file ends, so the sum stays below
// the limit.
func (f *daemonFlags) connections(openFiles int) (subscribers, publishers int, err error) {
	places := openFiles - openfiles.Reserve
	publishers = cmp.Or(f.MaxPublishers, openfiles.Publishers(places))
	subscribers = places - publishers
	switch {
	case places < 2:
		return 0, 0, fmt.Errorf("cannot serve with a limit of %d open files: raise it (ulimit -Hn, or LimitNOFILE= of systemd) above %d", openFiles, openfiles.Reserve+1)
	case subscribers < 1:
		return 0, 0, &flagError{"max-publishers", fmt.Errorf("cannot serve %d: the limit of %d open files (ulimit -Hn) allows %d with one subscriber", f.MaxPublishers, openFiles, places-1)}
	case f.MaxConns > subscribers:
		return 0, 0, &flagError{"max-conns", fmt.Errorf("cannot serve %d: the limit of %d open files (ulimit -Hn) allows %d beside %d publishers", f.MaxConns, openFiles, subscribers, publishers)}
	case f.MaxConns > 0:
		subscribers = f.MaxConns
	}
	return subscribers, publishers, nil
}
