package listen

import (
	"sync"
	"syscall"
)

// SocketMode is the mode of unix sockets: the daemon's user and group may connect, and
// nobody else.
const SocketMode = 0o660

// umask protects the process's umask: one listener at a time may change it.
var umask sync.Mutex

// RestrictUmask sets the umask so that unix sockets are created with SocketMode and
// strangers cannot connect at any moment. Files that other goroutines create meanwhile get
// fewer permissions than they ask for, never more. The caller must call restore, which
// works once.
func RestrictUmask() (restore func()) {
	umask.Lock()
	old := syscall.Umask(0o777 &^ SocketMode)
	return sync.OnceFunc(func() {
		syscall.Umask(old)
		umask.Unlock()
	})
}
