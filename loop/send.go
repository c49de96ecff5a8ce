package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// send writes b to a socket, once, and returns how much the kernel took. It is
// where nearly all of the daemon's time goes.
//
// It is a raw system call: the socket never blocks (MSG_DONTWAIT), so telling
// Go's scheduler about it would only cost. send instead of write, because
// MSG_NOSIGNAL spares the signal that a write to a closed socket raises.
func send(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// sendAll sends until all is gone or the socket is full, and returns how much
// was taken, and why the connection is broken, if it is.
func sendAll(fd int, b []byte) (n int, errno unix.Errno) {
	for n < len(b) {
		sent, errno := send(fd, b[n:])
		n += sent
		switch errno {
		case 0, unix.EINTR:
		case unix.EAGAIN:
			return n, 0
		default:
			return n, errno
		}
	}
	return n, 0
}

// sendTo sends s what goes before its stream, and returns how much its socket
// took. If the connection is broken, s is closed, and ok is false.
func (s *subscriber) sendTo(l *Loop, b []byte) (n int, ok bool) {
	n, errno := sendAll(s.fd(), b)
	l.stats.BytesOut += uint64(n)
	if errno != 0 {
		s.end(reasonFor(errno))
		return n, false
	}
	if n > 0 {
		s.wrote = l.wheel.now
	}
	return n, true
}
