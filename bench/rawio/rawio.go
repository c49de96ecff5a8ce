package rawio

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads what is there into b. n is 0 with errno 0 at the end of the stream; b must not be
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

// Write hands b to the kernel and says how many bytes it took; b must not be empty.
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

// Accept takes a connection from a listener, non-blocking. It does not ask who it is: unix.Accept4
// does, and allocates.
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

// Close gives a descriptor back. Linux closes it whatever it answers.
func Close(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// Poller is one epoll instance and the room for what it reports.
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

// Close gives the epoll instance back.
func (p *Poller) Close() error { return unix.Close(p.fd) }

// Add watches fd for events (EPOLLIN, EPOLLOUT ...); tag comes back in the event's Fd field.
func (p *Poller) Add(fd int, events uint32, tag int32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: tag})
}

// Change replaces what fd is watched for.
func (p *Poller) Change(fd int, events uint32, tag int32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: tag})
}

// Remove forgets fd. Closing an fd does the same by itself.
func (p *Poller) Remove(fd int) error { return unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) }

// Wait returns the events that are ready, waiting for the first at most d (forever if d is
// negative). The slice is valid until the next call; it is empty when the time ran out or a signal
// came.
//
// epoll_pwait2 (Linux 5.11) takes nanoseconds: a message that is due in 40 microseconds must not be
// sent a millisecond late.
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
