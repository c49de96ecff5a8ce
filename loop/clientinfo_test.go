package loop

import (
	"net"
	"testing"
	"unsafe"
)

// asText returns a string that shares the memory of b.
func asText(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// TestCloneAddrSharesNoMemory verifies that the copy of an address does not share memory with
// gnet's buffers.
func TestCloneAddrSharesNoMemory(t *testing.T) {
	zone := []byte("eth0") // its memory is overwritten below
	for _, tt := range []struct {
		name string
		addr net.Addr
		want string
	}{
		{"IPv6 with a zone", &net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 3, Zone: asText(zone)}, "[fe80::1%eth0]:3"},
		{"IPv4", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, "192.0.2.1:1"},
		{"IPv6", &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 2}, "[2001:db8::1]:2"},
		{"unix", &net.UnixAddr{Name: "/run/s", Net: "unix"}, "/run/s"},
	} {
		kept := cloneAddr(tt.addr)
		if got := kept.String(); got != tt.want {
			t.Errorf("%s: %s", tt.name, got)
		}
		copy(zone, "XXXX") // as the next user of gnet's buffer would do
		if got := kept.String(); got != tt.want {
			t.Errorf("%s: %s, once its connection is closed", tt.name, got)
		}
	}
}
