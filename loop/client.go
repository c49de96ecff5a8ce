package loop

import "github.com/panjf2000/gnet/v2"

// A client is what every connection on the loop has in common: its gnet connection and
// its one deadline on the wheel. It is the first part of a pendingConn, a subscriber and
// a publisher, and is kept small: subscribers take most of the memory of an idle daemon.
type client struct {
	conn       gnet.Conn
	next, prev *client // neighbors in the wheel's slot; nil: no deadline
	due        uint32  // tick of the deadline
	openedSec  uint32  // seconds between the server's start and the accept
}

// A peer is the role that a connection plays at the moment. gnet keeps it as
// the connection's context.
type peer interface {
	// traffic handles what was read. in is gnet's buffer and dies on return.
	traffic(l *Loop, in []byte) gnet.Action
	// expire is called when the deadline has come.
	expire(l *Loop)
	// closed is called once, when the connection is going: gnet closes the
	// descriptor right after, so it must not be written to any more.
	closed(l *Loop, err error)
}

// close ends a connection from the loop's side, now. gnet calls the peer's
// closed inside this call.
func (c *client) close() {
	conn := c.conn
	if conn == nil {
		return // its closed has run already
	}
	_ = conn.EventLoop().Close(conn)
}

// fd is the connection's descriptor. It must not be asked for once closed has
// run: the number may belong to a stranger by then.
func (c *client) fd() int {
	if c.conn == nil {
		panic("loop: a descriptor was used after its connection was closed")
	}
	return c.conn.Fd()
}

// detach clears the gnet connection and the deadline. Every peer's closed calls it.
func (c *client) detach(l *Loop) {
	l.wheel.clear(c)
	c.conn = nil
}
