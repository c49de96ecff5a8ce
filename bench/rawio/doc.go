// Package rawio is the few system calls that the floor and the load generator live on: read, write,
// accept, close and epoll, straight to the kernel, with no word to the Go scheduler.
//
// The invariant: nothing here blocks longer than its caller asked, and nothing here allocates. The
// calls use RawSyscall, so a thread that waits in [Poller.Wait] keeps its P; the garbage collector
// cannot stop the world meanwhile. Callers therefore either never allocate while they loop, or wait
// in short slices.
package rawio
