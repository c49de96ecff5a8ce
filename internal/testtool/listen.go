package testtool

import (
	"net"
	"testing"
)

// Listen has serve called, on a goroutine of its own, for each connection to a free
// port of 127.0.0.1, until the test ends.
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

// FreePort returns an address of 127.0.0.1 that nobody listens on, for a program that
// cannot choose one itself and tell.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
