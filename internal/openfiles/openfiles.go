// Package openfiles divides the descriptors of a process between subscribers, publishers
// and everything else. It is the only place that knows how many of them are kept back.
package openfiles

import "golang.org/x/sys/unix"

const (
	// Reserve is how many descriptors are kept for everything but subscribers and
	// publishers that are served: listeners, epoll instances, logs, the runtime, and
	// connections that are accepted only to be told to retry later. An event loop ends
	// when accept fails with EMFILE, so the limit must never be reached.
	Reserve = 256
	// LimitMax bounds what a limit of "infinity" is taken for.
	LimitMax = 1 << 20
	// PublishersMax is plenty for the programs of one machine.
	PublishersMax = 1000
	// limitUnknown is a cautious guess, for when the kernel does not report a limit.
	limitUnknown = 1024
)

// Limit returns RLIMIT_NOFILE of this process, at most LimitMax.
func Limit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return limitUnknown
	}
	return int(min(limit.Cur, LimitMax))
}

// Publishers returns how many publishers may be connected by default where so many
// connections are possible: PublishersMax, or a quarter if that is less.
func Publishers(places int) int { return min(PublishersMax, max(1, places/4)) }
