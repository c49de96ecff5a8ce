package rawio

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads available bytes into b. n is 0 with errno 0 at the end of the stream. b must not be
// empty.
func Read(fd int, b []byte) (n int, errno unix.Errno) {
	for {
		r, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return 0, unix.Errno(e)
		}
		return int(r), 0
	}
}

// Write writes b and returns how many bytes the kernel accepted. b must not be empty.
func Write(fd int, b []byte) (n int, errno unix.Errno) {
	for {
		r, _, e := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return 0, unix.Errno(e)
		}
		return int(r), 0
	}
}

// Accept accepts a connection from a listener and makes it non-blocking. It does not return the
// peer's address, because unix.Accept4, which does, allocates.
func Accept(listener int) (fd int, errno unix.Errno) {
	for {
		r, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return -1, unix.Errno(e)
		}
		return int(r), 0
	}
}

// Close closes a descriptor. Linux closes it even if it returns an error.
func Close(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// Poller is one epoll instance with a buffer for its events.
type Poller struct {
	fd     int
	events []unix.EpollEvent
}

// NewPoller opens an epoll instance that reports at most batch events at a time.
func NewPoller(batch int) (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &Poller{fd: fd, events: make([]unix.EpollEvent, batch)}, nil
}

// Close closes the epoll instance.
func (p *Poller) Close() error { return unix.Close(p.fd) }

// Add watches fd for events (EPOLLIN, EPOLLOUT ...). tag is returned in the Fd field of the events.
func (p *Poller) Add(fd int, events uint32, tag int32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: tag})
}

// Change replaces the events that fd is watched for.
func (p *Poller) Change(fd int, events uint32, tag int32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: tag})
}

// Remove stops watching fd. Closing fd also does this.
func (p *Poller) Remove(fd int) error { return unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) }

// Wait waits for events, at most for d, or indefinitely if d is negative. The returned slice is
// valid until the next call. It is empty after a timeout or a signal.
//
// epoll_pwait2 (Linux 5.11) accepts nanoseconds. This matters because a message that is due in 40
// microseconds must not be sent a millisecond late.
func (p *Poller) Wait(d time.Duration) ([]unix.EpollEvent, error) {
	var limit unsafe.Pointer
	ts := unix.NsecToTimespec(int64(d))
	if d >= 0 {
		limit = unsafe.Pointer(&ts)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(limit), 0, 0)
	if errno == unix.EINTR {
		return nil, nil
	}
	if errno != 0 {
		return nil, errno
	}
	return p.events[:n], nil
}
