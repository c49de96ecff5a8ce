package evioserver

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/openfiles"
)

// TestRepliesAreSentAtOnce verifies that connections of publishers do not hold back small replies,
// on all kinds of TCP addresses.
func TestRepliesAreSentAtOnce(t *testing.T) {
	listen := []string{"unix://" + unix(t).Address, "tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "tcp://0.0.0.0:0", "tcp://:0"}
	if six, err := net.Listen("tcp", "[::1]:0"); err == nil {
		six.Close()
		listen = append(listen, "tcp://[::1]:0", "tcp://[::]:0")
	}
	s := start(t, Options{Listen: listen, Sink: &recorder{}})
	for i, addr := range s.Addrs()[1:] {
		t.Run(listen[i+1], func(t *testing.T) {
			conn, err := net.Dial("tcp", addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintln(conn, "PING")
			if _, err := conn.Read(make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			fd := acceptedFrom(t, conn.LocalAddr())
			if on, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY); err != nil || on == 0 {
				t.Errorf("TCP_NODELAY is %d, %v", on, err)
			}
		})
	}
}

// acceptedFrom returns the descriptor of the connection that this process has accepted from an
// address.
func acceptedFrom(t *testing.T, client net.Addr) (fd int) {
	t.Helper()
	want := client.(*net.TCPAddr).AddrPort()
	for fd := range openfiles.Limit() {
		peer, err := syscall.Getpeername(fd)
		if err != nil {
			continue
		}
		var from netip.AddrPort
		switch peer := peer.(type) {
		case *syscall.SockaddrInet4:
			from = netip.AddrPortFrom(netip.AddrFrom4(peer.Addr), uint16(peer.Port))
		case *syscall.SockaddrInet6:
			from = netip.AddrPortFrom(netip.AddrFrom16(peer.Addr), uint16(peer.Port))
		}
		if unmapped(from) == unmapped(want) {
			return fd
		}
	}
	t.Fatalf("no connection from %s", client)
	return 0
}
