package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// send writes b to a socket once, and returns how many bytes the kernel accepted. The daemon spends
// most of its time here.
//
// It is a raw system call: the socket never blocks (MSG_DONTWAIT), so there is no point in
// informing the Go scheduler. It uses send instead of write, because MSG_NOSIGNAL prevents the
// signal that a write to a closed socket raises.
func send(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// sendAll sends until all of b is sent or the socket is full. It returns how many bytes were sent,
// and an error if the connection is broken.
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

// sendTo sends bytes that go before the stream of s, and returns how many the socket accepted. If
// the connection is broken, it closes s and returns false.
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
