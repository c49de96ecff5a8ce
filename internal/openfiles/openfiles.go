// Package openfiles divides the file descriptors of a process between subscribers, publishers and
// everything else. It is the only package that knows the size of the reserve.
package openfiles

import "golang.org/x/sys/unix"

const (
	// Reserve is the number of descriptors for everything except connected subscribers and
	// publishers, with one event loop. It covers listeners, epoll instances, logs, the runtime, and
	// connections that are accepted only to ask the client to retry later. The limit must never be
	// reached, because an event loop stops when accept fails with EMFILE.
	Reserve = 256
	// reservePerLoop is twice the number of epoll instances and socket pairs of one more loop,
	// because half of the reserve stays free. It includes a connection that the loop has accepted
	// and not counted yet.
	reservePerLoop = 14
	// reservePerListener is the same for a listener of one more loop.
	reservePerListener = 2
	// LoopsMax is the largest number of event loops. More would reserve too many descriptors for a
	// common limit.
	LoopsMax = 256
	// LimitMax is used if the kernel's limit is higher, such as "infinity".
	LimitMax = 1 << 20
	// PublishersMax is plenty for the programs of one machine.
	PublishersMax = 1000
	// limitUnknown is a cautious guess if the kernel does not report a limit.
	limitUnknown = 1024
)

// ReserveFor returns the reserve for a number of event loops. Each loop has a listener for each of
// the addresses.
func ReserveFor(loops, addresses int) int {
	return Reserve + (reservePerLoop+reservePerListener*addresses)*(loops-1)
}

// Limit returns RLIMIT_NOFILE of this process, at most LimitMax.
func Limit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return limitUnknown
	}
	return int(min(limit.Cur, LimitMax))
}

// Publishers returns the default limit of connected publishers, if places connections are possible
// in total: PublishersMax, or a quarter of places if that is less.
func Publishers(places int) int { return min(PublishersMax, max(1, places/4)) }
