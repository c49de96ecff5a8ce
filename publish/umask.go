package publish

import (
	"sync"
	"syscall"
)

// SocketMode lets the daemon's user and group, and nobody else, connect to a unix
// socket.
const SocketMode = 0o660

// umask is the process's, so one listener at a time may change it.
var umask sync.Mutex

// RestrictUmask has unix sockets come into being with SocketMode, so that there
// is no moment in which strangers may connect. Files that other goroutines create
// meanwhile are at worst less open than asked. The result undoes it, once, and
// has to be called.
func RestrictUmask() (restore func()) {
	umask.Lock()
	old := syscall.Umask(0o777 &^ SocketMode)
	return sync.OnceFunc(func() {
		syscall.Umask(old)
		umask.Unlock()
	})
}
