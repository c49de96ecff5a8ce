package peer

import (
	"net"
	"sync/atomic"

	"github.com/ssed/ssed/publish"
)

// readBytes is how much of a publisher's input is read at once, and then handed on before anything
// is answered.
const readBytes = 64 << 10

// lines is the sink of all publishers.
type lines struct {
	hub      Hub
	sequence atomic.Uint64 // messages published
}

// Publish implements [publish.Sink]. Two publishers' messages may reach the hub in another order
// than their sequences say: a lock over both would hold up those libraries that let publishers run
// beside each other.
func (l *lines) Publish(namespace, event, data []byte) (uint64, error) {
	if err := l.hub.Publish(namespace, event, data); err != nil {
		return 0, err
	}
	return l.sequence.Add(1), nil
}

// serveLines accepts publishers for as long as the listener lives.
func serveLines(listener net.Listener, hub Hub) error {
	all := &lines{hub: hub}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go all.serve(conn)
	}
}

// serve holds one publisher's conversation. Everything that one read brought is published before
// its replies leave, all of them in one write: a pipelining publisher costs few system calls, and
// one that waits for each reply gets it at once.
func (l *lines) serve(conn net.Conn) {
	defer conn.Close()
	session := publish.NewSession(&publish.Config{})
	in := make([]byte, readBytes)
	var out []byte
	for done := false; !done; {
		n, err := conn.Read(in)
		if err != nil {
			return
		}
		if out, done = session.Feed(in[:n], l, out[:0]); len(out) == 0 {
			continue
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}
