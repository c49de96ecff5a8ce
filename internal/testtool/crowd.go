package testtool

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A Way is how a member of a Crowd reads and disconnects.
type Way int

// The ways to disconnect. Members that read have received all messages before.
const (
	Closes     Way = iota // reads and closes
	HalfCloses            // reads, shuts its half down, and closes after the server has closed
	Resets                // reads and resets the connection
	Abandons              // never reads, and closes with a full socket
)

// A Crowd is a group of thousands of subscribers that connect, receive and disconnect, possibly
// several times. They are bare descriptors. Connections of package net would put as much on the
// test's heap as the leaks that a test looks for.
type Crowd struct {
	Address string // where they subscribe, such as "127.0.0.1:40123"
	Size    int
	// Net is the third byte of the source addresses, 127.0.Net.1 to 127.0.Net.32. A single
	// address has too few ports for many rounds.
	Net    byte
	Ways   []Way              // member i disconnects by Ways[i%len(Ways)]
	Target func(i int) string // namespace that member i subscribes to, such as "/news"

	fds    []int
	buffer [64 << 10]byte
}

func (c *Crowd) way(i int) Way    { return c.Ways[i%len(c.Ways)] }
func (c *Crowd) reads(i int) bool { return c.way(i) != Abandons }

// Come connects all members and sends their requests. When it returns, the members that read have
// read the head of their response.
func (c *Crowd) Come(t testing.TB) {
	t.Helper()
	Started(t, "a crowd")
	const atOnce = 500 // fewer than the size of a listener's queue
	c.fds = make([]int, c.Size)
	for from := 0; from < c.Size; from += atOnce {
		until := min(from+atOnce, c.Size)
		for i := from; i < until; i++ {
			c.fds[i] = c.connect(t, i)
		}
		for i := from; i < until; i++ {
			if c.reads(i) {
				c.readHead(t, c.fds[i])
			}
		}
	}
}

// connect opens a connection and sends a request.
func (c *Crowd) connect(t testing.TB, i int) (fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	timeout := unix.NsecToTimeval(Patience.Nanoseconds())
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1))
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, c.Net, byte(1 + i%32)}}))
	if !c.reads(i) {
		must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1)) // the kernel's minimum
	}
	server := netip.MustParseAddrPort(c.Address)
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: server.Addr().As4(), Port: int(server.Port())})
	if err != nil && err != unix.EINTR { // an interrupted connect continues; write waits for it
		t.Fatal(err)
	}
	request := fmt.Sprintf("GET /subscribe%s HTTP/1.1\r\nHost: x\r\nUser-Agent: member %d\r\n\r\n", c.Target(i), i%1000)
	if n, err := uninterrupted(unix.Write, fd, []byte(request)); n < len(request) {
		t.Fatalf("%d bytes of a request were sent: %v", n, err)
	}
	return fd
}

func (c *Crowd) readHead(t testing.TB, fd int) {
	t.Helper()
	got := c.buffer[:0]
	for !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
		n, err := uninterrupted(unix.Read, fd, c.buffer[len(got):])
		if n <= 0 {
			t.Fatalf("a head is %q, %v", got, err)
		}
		got = got[:len(got)+n]
	}
	if !bytes.HasPrefix(got, []byte("HTTP/1.1 200 ")) {
		t.Fatalf("a head is %q", got)
	}
}

// Receive waits until each member that reads has read exactly want.
func (c *Crowd) Receive(t testing.TB, want string) {
	t.Helper()
	for i, fd := range c.fds {
		if !c.reads(i) {
			continue
		}
		var got strings.Builder
		for got.Len() < len(want) {
			n, err := uninterrupted(unix.Read, fd, c.buffer[:min(len(c.buffer), len(want)-got.Len())])
			if n <= 0 {
				t.Fatalf("a stream ends after %d bytes of %d: %v", got.Len(), len(want), err)
			}
			got.Write(c.buffer[:n])
		}
		if got.String() != want {
			t.Fatal("a stream differs from what was published")
		}
	}
}

// Leave disconnects all members.
func (c *Crowd) Leave(t testing.TB) {
	t.Helper()
	for i, fd := range c.fds {
		switch c.way(i) {
		case HalfCloses:
			must(t, unix.Shutdown(fd, unix.SHUT_WR))
			if n, err := uninterrupted(unix.Read, fd, c.buffer[:]); n != 0 || err != nil {
				t.Errorf("after a half close: %d bytes, %v", n, err)
			}
		case Resets:
			must(t, unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		}
		must(t, unix.Close(fd))
	}
	c.fds = nil
}

// uninterrupted repeats a blocking system call until no signal interrupts it. The Go runtime
// preempts threads with signals.
func uninterrupted(call func(int, []byte) (int, error), fd int, b []byte) (n int, err error) {
	for {
		if n, err = call(fd, b); err != unix.EINTR {
			return n, err
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
