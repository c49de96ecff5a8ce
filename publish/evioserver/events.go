package evioserver

import (
	"fmt"
	"net"
	"os"
	"reflect"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tidwall/evio"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/publish"
)

const (
	// startTime is the minimum time between the start of evio and its stop. evio's loop signals its
	// end once, on a condition variable. If evio.Serve is not waiting for this signal yet, it hangs
	// forever; it begins to wait shortly after it has called Serving.
	startTime = 50 * time.Millisecond
	// keepAlive is the TCP keep-alive period. It detects publishers on machines that have vanished.
	keepAlive = time.Minute
	// repliesBytesKept is the largest buffer for replies that is reused.
	repliesBytesKept = 1 << 20
)

// A publisher is one connection.
type publisher struct {
	session *publish.Session
	done    bool        // the session has finished, after QUIT
	woken   atomic.Bool // Wake was called, and awake was not called yet

	// Set by awake at each check for unread replies:
	unsent int       // bytes of its replies that evio has not sent
	since  time.Time // since when this number has not changed
}

// serving is called when all endpoints listen, before the first client is accepted.
func (s *Server) serving(endpoints []listen.Endpoint, addrs []net.Addr) evio.Action {
	if s.stopped() {
		return evio.Shutdown
	}
	for _, e := range endpoints {
		if e.Network == "unix" {
			if err := os.Chmod(e.Address, listen.SocketMode); err != nil {
				s.opts.Logger.Warn("cannot set the mode of the publish socket", "address", e.String(), "err", err)
			}
		}
	}
	for _, addr := range sendAtOnce(addrs) {
		s.opts.Logger.Warn("cannot set TCP_NODELAY; some replies are late", "address", addr.String())
	}
	s.listening = time.Now()
	s.mu.Lock()
	s.addrs = addrs
	s.mu.Unlock()
	if !s.isReady() {
		close(s.ready)
	}
	return evio.None
}

// opened is called for each new connection. It turns the connection away if PublishersMax
// publishers are connected.
func (s *Server) opened(c evio.Conn) (out []byte, opts evio.Options, action evio.Action) {
	if s.mayStop() {
		return nil, opts, evio.Shutdown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.publishers) >= s.opts.PublishersMax {
		s.unlogged.turnedAway++
		s.turnedAway++
		err := fmt.Errorf("%w: too many publishers are connected, try again later", publish.ErrBusy)
		return publish.AppendError(nil, err), opts, evio.Close
	}
	p := &publisher{session: publish.NewSession(&s.opts.Session)}
	s.publishers[c] = p
	c.SetContext(p)
	// All connections share one input buffer, because a Session does not keep its input.
	return nil, evio.Options{TCPKeepAlive: keepAlive, ReuseInputBuffer: true}, evio.None
}

// Counts returns the number of connected publishers. It also returns how many publishers, since the
// start, were turned away because too many were connected, and how many were closed because they
// did not read their replies.
func (s *Server) Counts() (connected int, turnedAway, closed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.publishers), s.turnedAway, s.closedUnread
}

// data is called with the bytes that a publisher sent, and with no bytes after a Wake.
func (s *Server) data(c evio.Conn, in []byte) (out []byte, action evio.Action) {
	p := c.Context().(*publisher)
	if len(in) == 0 {
		return nil, s.awake(c, p)
	}
	out, p.done = p.session.Feed(in, s.opts.Sink, s.replies[:0])
	if p.session.Pending() > 0 {
		out = s.waitReplies(p, out)
	}
	s.replies = out
	if cap(out) > repliesBytesKept {
		s.replies = nil
	}
	return out, p.action()
}

// waitReplies waits for the answers of the Sink and returns the complete replies. It must wait
// here, because evio sends replies only when data returns them. It waits once for all messages of
// one read, so a publisher that pipelines pays for one round trip only.
func (s *Server) waitReplies(p *publisher, out []byte) []byte {
	s.later.Add(p.session, out)
	s.opts.Sink.(publish.Settler).Settle(&s.later)
	if n := s.later.Waiting(); n > 0 {
		panic(fmt.Sprintf("evioserver: %d messages have no answer after Settle", n))
	}
	return s.later.Take(out[:0])
}

// action returns the action for the connection after its replies are sent.
func (p *publisher) action() evio.Action {
	if p.done {
		return evio.Close
	}
	return evio.None
}

// closed is called at the end of every connection, including the connections that opened turned
// away.
func (s *Server) closed(c evio.Conn, err error) evio.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.publishers, c)
	if s.mayStop() {
		return evio.Shutdown
	}
	return evio.None
}

// mayStop reports whether evio should stop, and whether startTime has passed, so that it can.
func (s *Server) mayStop() bool {
	return s.stopped() && time.Since(s.listening) >= startTime
}

// wakeAll makes evio call data for every publisher, and returns their number.
//
// Calling Wake after the end of evio's loop would write to a descriptor that may have another
// owner. The lock prevents this: before its loop ends, evio calls closed for every connection, and
// closed removes the connection from publishers under the same lock.
func (s *Server) wakeAll() (publishers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, p := range s.publishers {
		if p.woken.CompareAndSwap(false, true) {
			c.Wake()
		}
	}
	return len(s.publishers)
}

// awake checks a publisher for unread replies after a Wake. It must not return replies: evio would
// drop the replies that it has not sent yet. It must return the action of the publisher again,
// because evio may still have to perform it after sending the replies.
func (s *Server) awake(c evio.Conn, p *publisher) evio.Action {
	p.woken.Store(false)
	if s.mayStop() {
		return evio.Shutdown
	}
	descriptor, unsent := insideOf(c)
	switch now := time.Now(); {
	case unsent == 0 || unsent != p.unsent:
		p.unsent, p.since = unsent, now
	case now.Sub(p.since) >= s.opts.ReplyTimeout:
		if s.countUnreadReplies() {
			s.opts.Logger.Warn("publisher closed for unread replies",
				"client", clientName(c), "unread_bytes", unsent, "timeout", s.opts.ReplyTimeout)
		}
		// The action evio.Close would wait until the replies are sent. After a shutdown of the
		// socket, evio's next write fails, and evio closes the connection.
		if err := syscall.Shutdown(descriptor, syscall.SHUT_RDWR); err != nil {
			s.opts.Logger.Warn("cannot close a publisher", "client", clientName(c), "err", err)
		}
	}
	return p.action()
}

// insideOf returns a connection's descriptor and the number of bytes that evio has not sent. evio
// has no method for this, so insideOf reads private fields by reflection. Only evio's goroutine may
// call it. It was written for evio v1.0.8; with another version, TestUnreadReplies may fail.
func insideOf(c evio.Conn) (descriptor, unsent int) {
	conn := reflect.ValueOf(c).Elem()
	return int(conn.FieldByName("fd").Int()), conn.FieldByName("out").Len()
}
