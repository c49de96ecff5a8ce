package listen

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A startLock prevents servers from starting on the same ports at the same moment. Without it, each
// server would find an address free and unbind it for its event library, and with SO_REUSEPORT both
// would then listen on it. The lock is a name in the kernel (an abstract unix address). It belongs
// to the same network namespace as the ports, and it disappears when the process dies.
type startLock map[string]net.Listener

// startPatience limits how long a server waits while another one starts, which takes milliseconds.
const startPatience = 5 * time.Second

// take locks a port until release is called.
func (s startLock) take(port string) error {
	if _, taken := s[port]; taken || port == "0" { // port 0 means a different port for each call
		return nil
	}
	for deadline := time.Now().Add(startPatience); ; time.Sleep(5 * time.Millisecond) {
		lock, err := net.Listen("unix", "@ssed-starts-on-"+port)
		if err == nil {
			s[port] = lock
			return nil
		}
		if !errors.Is(err, unix.EADDRINUSE) || time.Now().After(deadline) {
			return fmt.Errorf("another server is starting on port %s and did not finish within %v: %w", port, startPatience, err)
		}
	}
}

func (s startLock) release() {
	for _, lock := range s {
		lock.Close()
	}
}
