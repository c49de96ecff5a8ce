package listen

import (
	"sync"
	"syscall"
)

// SocketMode is the mode of unix sockets. Only the daemon's user and group may connect.
const SocketMode = 0o660

// umask guards the umask of the process: one listener at a time may change it.
var umask sync.Mutex

// RestrictUmask sets the umask so that unix sockets are created with SocketMode, and other users
// cannot connect at any moment. Files that other goroutines create during that time get fewer
// permissions than requested, never more. The caller must call restore. Further calls of restore do
// nothing.
func RestrictUmask() (restore func()) {
	umask.Lock()
	old := syscall.Umask(0o777 &^ SocketMode)
	return sync.OnceFunc(func() {
		syscall.Umask(old)
		umask.Unlock()
	})
}
