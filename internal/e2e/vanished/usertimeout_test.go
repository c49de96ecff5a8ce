package vanished

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// TestUserTimeoutIsInherited inspects the daemon's own sockets. It verifies that every subscriber's
// connection inherits TCP_USER_TIMEOUT, which is set on the listeners.
func TestUserTimeoutIsInherited(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t, "--listen=127.0.0.1:0", "--listen=[::1]:0", "--listen=:0", "--stall-timeout=7s")
	ports := make([]string, len(d.Subscribe))
	for i, url := range d.Subscribe {
		ports[i] = portOf(url)
	}
	for _, address := range []string{"127.0.0.1:" + ports[0], "[::1]:" + ports[1], "127.0.0.1:" + ports[2], "[::1]:" + ports[2]} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		socket := -1
		testtool.WaitFor(t, "the daemon to accept", func() bool {
			socket = borrowSocket(t, d.Process.Pid, conn.LocalAddr().(*net.TCPAddr))
			return socket >= 0
		})
		defer unix.Close(socket)
		msec, err := unix.GetsockoptInt(socket, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		if got := time.Duration(msec) * time.Millisecond; err != nil || got != 7*time.Second {
			t.Errorf("%s: TCP_USER_TIMEOUT is %v, %v, want 7s", address, got, err)
		}
	}
}

// borrowSocket returns a copy of a process's descriptor for its connection with a peer, or -1 if it
// has none yet. It uses pidfd_getfd(2), which a parent may do to its child. It does not return an
// os.File, which would change the mode of both descriptors.
func borrowSocket(t *testing.T, pid int, peer *net.TCPAddr) (socket int) {
	t.Helper()
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		testtool.Lack(t, "cannot inspect another process's sockets: %v", err)
	}
	defer unix.Close(pidfd)
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, path := range paths {
		number, _ := strconv.Atoi(filepath.Base(path))
		fd, err := unix.PidfdGetfd(pidfd, number, 0)
		switch {
		case err == unix.EBADF:
			continue // it has been closed in the meantime
		case err != nil:
			testtool.Lack(t, "cannot inspect another process's sockets: %v", err)
		}
		if name, err := unix.Getpeername(fd); err == nil && isAt(name, peer) {
			return fd
		}
		unix.Close(fd)
	}
	return -1
}

func isAt(name unix.Sockaddr, peer *net.TCPAddr) bool {
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return a.Port == peer.Port && peer.IP.Equal(a.Addr[:])
	case *unix.SockaddrInet6:
		return a.Port == peer.Port && peer.IP.Equal(a.Addr[:])
	}
	return false
}
