package admin

import (
	"net"
	"sync"

	"github.com/ssed/ssed/loop"
)

// A queue is a listener for connections that come one by one from elsewhere.
type queue struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newQueue() *queue { return &queue{conns: make(chan net.Conn), closed: make(chan struct{})} }

// put waits until the server takes c.
func (q *queue) put(c *loop.HandedConn) {
	select {
	case q.conns <- c:
	case <-q.closed:
		c.Close()
	}
}

// Accept is that of net.Listener.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close is that of net.Listener.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr is that of net.Listener; the connections know better.
func (q *queue) Addr() net.Addr { return &net.UnixAddr{Name: "handed over", Net: "unix"} }

// A limited listener accepts only as long as there are places.
type limited struct {
	net.Listener
	places chan struct{}
}

// Accept waits for a place, and then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: c, leave: func() { <-l.places }}, nil
}

// A placed connection gives its place back once.
type placed struct {
	net.Conn
	leave func()
	once  sync.Once
}

// Close is that of net.Conn.
func (c *placed) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}
