package admin

import (
	"net"
	"sync"

	"github.com/ssed/ssed/loop"
)

// A queue is a net.Listener for connections that the loop hands over.
type queue struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newQueue() *queue { return &queue{conns: make(chan net.Conn), closed: make(chan struct{})} }

// put waits until the server accepts c. If the queue is closed, it closes c.
func (q *queue) put(c *loop.HandedConn) {
	select {
	case q.conns <- c:
	case <-q.closed:
		c.Close()
	}
}

// Accept implements net.Listener.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr implements net.Listener. It returns a placeholder, because the connections may come from any
// port.
func (q *queue) Addr() net.Addr { return &net.UnixAddr{Name: "handed over", Net: "unix"} }

// A limited listener limits the number of open connections to the capacity of places.
type limited struct {
	net.Listener
	places chan struct{}
}

// Accept implements net.Listener. It waits for a place, and then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: c, leave: func() { <-l.places }}, nil
}

// A placed connection occupies a place until it is closed.
type placed struct {
	net.Conn
	leave func()
	once  sync.Once
}

// Close implements net.Conn. The first call releases the place.
func (c *placed) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}
