package testtool

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// Listen listens on a free port of 127.0.0.1 until the test ends. For each connection it calls
// serve on a new goroutine.
func Listen(t testing.TB, serve func(net.Conn)) net.Listener {
	t.Helper()
	Started(t, "a listener")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l
}

// FreePort returns an address of 127.0.0.1, such as "127.0.0.1:41234", on which nothing
// listens. The port stays reserved until the test ends, so a server can stop and start on it
// again.
func FreePort(t testing.TB) string {
	t.Helper()
	return FreePortOn(t, "127.0.0.1")
}

// FreePortOn is FreePort for another IPv4 address of this machine.
//
// A socket that is bound but does not listen reserves the port: the kernel gives the port to no
// other socket that asks for any port, and to no outgoing connection. A server that sets
// SO_REUSEADDR can listen on it, as nearly all do. Until then connections are refused.
func FreePortOn(t testing.TB, ip string) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte(net.ParseIP(ip).To4())}); err != nil {
		t.Fatal(err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", ip, bound.(*unix.SockaddrInet4).Port)
}
