package natstest

import (
	"net"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A link is the wire between two servers: one dials it, the other is dialed by it.
// While it is cut nothing arrives and nothing is refused, as with a pulled cable;
// what was on its way arrives once it is mended, as TCP would send it again.
type link struct {
	address string // where one of them dials
	target  string // where the other listens

	mu     sync.Mutex
	mended sync.Cond
	cut    bool
	over   bool // the test has ended
	open   map[net.Conn]bool
}

// startLink opens a link to a server's routes. It ends with the test.
func startLink(t testing.TB, target string) *link {
	t.Helper()
	l := &link{target: target, open: map[net.Conn]bool{}}
	l.mended.L = &l.mu
	l.address = testtool.Listen(t, l.serve).Addr().String()
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.over = true
		l.mended.Broadcast()
		for conn := range l.open {
			conn.Close()
		}
	})
	return l
}

// set cuts the link, or mends it.
func (l *link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	l.mended.Broadcast()
}

// pass waits until the link is whole, and tells whether there is still a test.
func (l *link) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.cut && !l.over {
		l.mended.Wait()
	}
	return !l.over
}

// serve passes one connection's bytes both ways until either side ends it.
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
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			l.carry(way[1], way[0])
			done <- struct{}{}
		}()
	}
	<-done // then both are closed, which ends the other way
}

// carry copies what comes while the link is whole. An end waits for that, too.
func (l *link) carry(to, from net.Conn) {
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

// hold puts a connection where the test's end finds it.
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
