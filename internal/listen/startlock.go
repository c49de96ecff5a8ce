package listen

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A startLock keeps servers from starting on the same ports at the same moment. Each would
// find an address free and unbind it so that its event library can listen there, and with
// SO_REUSEPORT both would. The lock is a name in the kernel (an abstract unix address): it
// belongs to the same network namespace as the ports, and it disappears when the process
// dies.
type startLock map[string]net.Listener

// startPatience is how long a server waits for another one to start, which takes
// milliseconds.
const startPatience = 5 * time.Second

// take locks a port until release.
func (s startLock) take(port string) error {
	if _, taken := s[port]; taken || port == "0" { // every 0 is a different port
		return nil
	}
	for deadline := time.Now().Add(startPatience); ; time.Sleep(5 * time.Millisecond) {
		lock, err := net.Listen("unix", "@ssed-starts-on-"+port)
		if err == nil {
			s[port] = lock
			return nil
		}
		if !errors.Is(err, unix.EADDRINUSE) || time.Now().After(deadline) {
			return fmt.Errorf("another server is starting on port %s, or hangs there: %w", port, err)
		}
	}
}

func (s startLock) release() {
	for _, lock := range s {
		lock.Close()
	}
}
