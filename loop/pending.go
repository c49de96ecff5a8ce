package loop

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/subreq"
)

// lingerTime is how long a refused client has to read the response. If the loop closed the
// connection while the client still sends, the kernel would send a reset, which can overtake the
// response.
const lingerTime = 2 * time.Second

// admission holds the state for connections that have not subscribed yet.
type admission struct {
	parser       httpparse.Parser
	request      httpparse.Request // scratch: it is large and used only within one call
	heads        heads
	origins      subreq.Origins              // the origins whose pages may subscribe
	trust        subreq.Proxies              // the proxies that may forward a client's address
	tokens       *atomic.Pointer[auth.Table] // the current tokens; other goroutines replace them
	authRequests authRequests
	freePending  []*pendingConn // for reuse by the next connections
}

// A pendingConn is a connection that has not subscribed yet:
//
//	reading the head ─┬─► waiting for Options.Authorize ─┬─► subscribe (a new peer; see drop)
//	                  ├──────────────────────────────────┤
//	                  │                                  └─► lingering: response sent ─► closed
//	                  └─► handed over
//
// Reading, waiting and lingering each have a deadline on the wheel.
type pendingConn struct {
	client
	head          []byte     // the head so far, unless it arrived in one piece
	seen          int        // length of head at the last attempt to parse it
	forwardedAddr netip.Addr // the client's address from a trusted proxy; not valid: the peer's
	proxied       bool       // its PROXY header was read, or is not needed
	unproxied     bool       // it sent no PROXY header: see mayAskHealth
	lingering     bool       // the last response is sent

	auth *authRequest // not nil: the request waits for Options.Authorize
}

// freePendingMax limits how many pendingConns are kept for reuse. Most of them exist for a
// millisecond; without reuse, a burst of connections would leave a fragmented heap.
const freePendingMax = 256

// addPending starts to read the request head of a new connection.
func addPending(l *Loop, conn gnet.Conn) {
	c := &pendingConn{}
	if n := len(l.freePending); n > 0 {
		c = l.freePending[n-1]
		l.freePending = l.freePending[:n-1]
	}
	c.conn, c.openedSec = conn, l.seconds()
	conn.SetContext(c)
	l.connBurst.opened++
	l.wheel.set(&c.client, ticks(l.opts.HeaderTimeout))
	l.stats.PendingConnections++
	l.shared.connections.Add(1)
}

// traffic reads the request head. It discards bytes after the request or after a refusal: a second
// request is never served.
func (c *pendingConn) traffic(l *Loop, in []byte) gnet.Action {
	if c.lingering {
		return gnet.None
	}
	if c.auth != nil {
		return c.auth.discardInput()
	}
	if c.head != nil {
		c.head = append(c.head, in...)
		in = c.head
	}
	if l.opts.ProxyProtocol && !c.proxied {
		var ok bool
		if in, ok = c.readProxyHeader(l, in); !ok {
			return gnet.None
		}
	}
	n, err := l.parser.Reparse(in, c.seen, &l.request)
	switch {
	case err != nil:
		refusal, ok := errors.AsType[*httpparse.Refusal](err)
		if !ok {
			panic(err)
		}
		c.refuseUnread(l, in, refusal.Status, refusal.Reason)
	case n > 0:
		c.head = nil
		return c.serve(l, &l.request, in) // serve drops c if it subscribes
	default:
		c.seen = len(in)
		c.keepHead(in)
	}
	return gnet.None
}

// keepHead copies an incomplete head, unless c.head already contains it. in is gnet's buffer.
func (c *pendingConn) keepHead(in []byte) {
	if c.head == nil {
		c.head = append(make([]byte, 0, len(in)+512), in...)
	}
}

// readProxyHeader removes the PROXY header from the start of in. ok reports whether the request can
// be parsed now. If not, the line is incomplete, or the request was refused.
func (c *pendingConn) readProxyHeader(l *Loop, in []byte) (rest []byte, ok bool) {
	n, ok := proxyHeaderEnd(in)
	if !ok && mayAskHealth(in) {
		c.proxied, c.unproxied = true, true
		return in, true
	}
	if ok && n == 0 {
		c.keepHead(in)
		return nil, false
	}
	if ok {
		var err error
		c.forwardedAddr, err = parseProxyHeader(in[:n])
		ok = err == nil
	}
	if peer := peerAddr(c.conn); !ok || !l.trust.Empty() && !l.trust.Covers(peer) {
		c.refuseUnread(l, in, 400, needsProxyHeader)
		return nil, false
	}
	c.proxied = true
	if c.head != nil {
		c.head = append(c.head[:0], in[n:]...) // the two overlap; append moves the bytes
		return c.head, len(c.head) > 0
	}
	return in[n:], len(in) > n
}

// refuse answers with a final status. The client then has lingerTime to read it.
func (c *pendingConn) refuse(l *Loop, to subreq.Answer, status int, why string) {
	l.stats.Refused++
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("request refused", "client", nameOf(c.conn, c.forwardedAddr), "status", status, "reason", why)
	}
	c.closeAfterReply(l, l.heads.refusal(to, status, why))
}

// refuseUnread refuses a request that could not be parsed, so its origin is unknown.
func (c *pendingConn) refuseUnread(l *Loop, head []byte, status int, why string) {
	c.refuse(l, l.origins.Unread(head), status, why)
}

// closeAfterReply sends the last response, closes the sending side of the connection, and gives the
// client lingerTime to close its side.
func (c *pendingConn) closeAfterReply(l *Loop, answer []byte) {
	c.lingering, c.head = true, nil
	l.wheel.set(&c.client, ticks(lingerTime))
	if _, err := c.conn.Write(answer); err != nil {
		return // gnet has closed it
	}
	if c.conn.OutboundBuffered() == 0 {
		_ = unix.Shutdown(c.fd(), unix.SHUT_WR)
	}
}

// expire handles the deadline of the current state: for the request head, for Options.Authorize, or
// for the client to read the last response.
func (c *pendingConn) expire(l *Loop) {
	if c.lingering {
		c.close()
		return
	}
	if c.auth != nil {
		c.abandonAuth(l, rejectUndecided)
		return
	}
	c.refuseUnread(l, c.head, 408, "the request head did not arrive within "+l.opts.HeaderTimeout.String())
}

// closed handles a connection that closed before it subscribed.
func (c *pendingConn) closed(l *Loop, _ error) {
	c.cancelAuth(l)
	l.shared.connections.Add(-1)
	c.drop(l)
}

// drop releases c for reuse. Its connection has subscribed or is closed.
func (c *pendingConn) drop(l *Loop) {
	l.stats.PendingConnections--
	c.client.detach(l)
	*c = pendingConn{}
	if len(l.freePending) < freePendingMax {
		l.freePending = append(l.freePending, c)
	}
}
