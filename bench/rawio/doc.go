// Package rawio provides the few system calls that the floor and the load generator use: read,
// write, accept, close and epoll. They go directly to the kernel without informing the Go
// scheduler.
//
// Invariant: no function blocks longer than its caller requested, and no function allocates. The
// calls use RawSyscall, so a thread that waits in [Poller.Wait] keeps its P, and the garbage
// collector cannot stop the world during the call. Callers must either never allocate while they
// loop, or wait in short slices.
package rawio
