package loop

import "github.com/panjf2000/gnet/v2"

// A client is the part that every connection on the loop has: its gnet connection and one deadline
// on the wheel. It is embedded first in pendingConn, subscriber and publisher. It is small, because
// subscribers take most of the memory of an idle daemon.
type client struct {
	conn       gnet.Conn
	next, prev *client // neighbors in the wheel's slot; nil: no deadline
	due        uint32  // tick of the deadline
	openedSec  uint32  // seconds from the loop's start until the connection opened
}

// A peer is the current role of a connection. gnet keeps it as the connection's context. events
// calls traffic and closed, and turnWheel calls expire, all on the loop's goroutine.
type peer interface {
	// traffic handles input. in is gnet's buffer, and valid only until traffic returns.
	traffic(l *Loop, in []byte) gnet.Action
	// expire is called when the deadline is due.
	expire(l *Loop)
	// closed is called once, when the connection closes. gnet closes the descriptor immediately
	// afterwards, so closed must not write to it. It must remove the peer from every structure.
	closed(l *Loop, err error)
}

// close closes a connection immediately. gnet calls the peer's closed inside this call, so after
// close returns the peer is detached.
func (c *client) close() {
	conn := c.conn
	if conn == nil {
		return // closed was called before
	}
	_ = conn.EventLoop().Close(conn)
}

// fd returns the connection's descriptor. It panics after closed was called, because the descriptor
// may then belong to another connection.
func (c *client) fd() int {
	if c.conn == nil {
		panic("loop: a descriptor was used after its connection was closed")
	}
	return c.conn.Fd()
}

// detach clears the gnet connection and the deadline. The closed method of every peer calls it.
func (c *client) detach(l *Loop) {
	l.wheel.clear(c)
	c.conn = nil
}
