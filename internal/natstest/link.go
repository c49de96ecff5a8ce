package natstest

import (
	"net"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A link is a proxy between two servers. It simulates the cable between them. While it is cut,
// nothing arrives and nothing is refused, as with an unplugged cable. Bytes in transit arrive once
// the link is restored, like TCP retransmissions.
type link struct {
	address string // one server dials this address
	target  string // the other server listens here

	mu      sync.Mutex
	changed sync.Cond // cut or over has changed
	cut     bool
	over    bool // the test has ended
	open    map[net.Conn]bool
}

// startLink opens a link to the address where a server accepts routes. It closes when the test
// ends.
func startLink(t testing.TB, target string) *link {
	t.Helper()
	l := &link{target: target, open: map[net.Conn]bool{}}
	l.changed.L = &l.mu
	l.address = testtool.Listen(t, l.serve).Addr().String()
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.over = true
		l.changed.Broadcast()
		for conn := range l.open {
			conn.Close()
		}
	})
	return l
}

// set cuts or restores the link.
func (l *link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	l.changed.Broadcast()
}

// pass waits until the link is not cut. It returns false if the test has ended.
func (l *link) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.cut && !l.over {
		l.changed.Wait()
	}
	return !l.over
}

// serve forwards the bytes of one connection both ways until either side closes it.
func (l *link) serve(client net.Conn) {
	defer l.close(client)
	if !l.hold(client) || !l.pass() {
		return
	}
	server, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer l.close(server)
	if !l.hold(server) {
		return
	}
	done := make(chan struct{}, 2)
	for _, direction := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			l.forward(direction[1], direction[0])
			done <- struct{}{}
		}()
	}
	<-done // the deferred calls then close both connections, which stops the other direction
}

// forward copies bytes, and the end of a connection, while the link is not cut.
func (l *link) forward(to, from net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if !l.pass() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// hold registers a connection, so that it is closed when the test ends. It returns false if the
// test has ended already.
func (l *link) hold(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[conn] = true
	return !l.over
}

func (l *link) close(conn net.Conn) {
	conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}
