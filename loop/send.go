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
