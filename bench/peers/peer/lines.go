package peer

import (
	"net"
	"sync/atomic"

	"github.com/ssed/ssed/publish"
)

// readBytes is the size of one read from a publisher. All its messages are published before the
// replies are sent.
const readBytes = 64 << 10

// lines implements [publish.Sink] for all publishers.
type lines struct {
	hub      Hub
	sequence atomic.Uint64 // messages published
}

// Publish implements [publish.Sink]. Messages of two publishers may reach the hub in a different
// order than their sequences. A lock around both steps would prevent this, but would delay
// libraries that let publishers run concurrently.
func (l *lines) Publish(namespace, event, data []byte) (uint64, error) {
	if err := l.hub.Publish(namespace, event, data); err != nil {
		return 0, err
	}
	return l.sequence.Add(1), nil
}

// serveLines accepts publishers until the listener is closed.
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

// serve handles one publisher's connection. It publishes all messages of one read, and then sends
// all replies in one write. So a pipelining publisher costs few system calls, and a publisher that
// waits for each reply gets it immediately.
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
