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
	// startTime passes between the start of evio and its earliest stop. Its loop
	// signals that it ended on a condition variable, once, and evio.Serve hangs
	// for good if it does not wait there yet: it starts to just after Serving.
	startTime = 50 * time.Millisecond
	// keepAlive finds the publishers whose machine is gone.
	keepAlive = time.Minute
	// repliesBytesKept is the largest buffer for replies that is used again.
	repliesBytesKept = 1 << 20
)

// A publisher is one connection.
type publisher struct {
	session *publish.Session
	done    bool        // QUIT was said
	woken   atomic.Bool // a Wake is on its way

	// Of the last look at a publisher that was woken:
	unsent int       // bytes of its replies that evio still had
	since  time.Time // since when they are that many
}

// serving is called when all endpoints listen and no client was accepted.
func (s *Server) serving(endpoints []listen.Endpoint, addrs []net.Addr) evio.Action {
	if s.stopped() {
		return evio.Shutdown
	}
	for _, e := range endpoints {
		if e.Network == "unix" {
			s.warn(os.Chmod(e.Address, listen.SocketMode), "cannot set the mode of the socket")
		}
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

func (s *Server) opened(c evio.Conn) (out []byte, opts evio.Options, action evio.Action) {
	if s.mayStop() {
		return nil, opts, evio.Shutdown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.publishers) >= s.opts.PublishersMax {
		s.unlogged.turnedAway++
		s.turnedAway++
		err := fmt.Errorf("%w: %d publishers are connected already, try again later", publish.ErrBusy, len(s.publishers))
		return publish.AppendError(nil, err), opts, evio.Close
	}
	p := &publisher{session: publish.NewSession(&s.opts.Session)}
	s.publishers[c] = p
	c.SetContext(p)
	// One input buffer for all connections: a Session keeps nothing of it.
	return nil, evio.Options{TCPKeepAlive: keepAlive, ReuseInputBuffer: true}, evio.None
}

// Counts is how many publishers are connected, and how many found no place or were
// closed, as they did not read their replies, since the start.
func (s *Server) Counts() (connected int, turnedAway, closed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.publishers), s.turnedAway, s.closedUnread
}

// data is called with what a publisher sent; with nothing, after a Wake.
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

// waitReplies completes the replies that the Sink left open: out must be whole, for evio
// answers a publisher here or never. It waits once for all that was read at once, so
// a publisher that pipelines pays the way to the answers once, too.
func (s *Server) waitReplies(p *publisher, out []byte) []byte {
	s.later.Add(p.session, out)
	s.opts.Sink.(publish.Settler).Settle(&s.later)
	if n := s.later.Waiting(); n > 0 {
		panic(fmt.Sprintf("evioserver: %d messages have no answer after Settle", n))
	}
	return s.later.Take(out[:0])
}

// action is what becomes of the connection once its replies are sent.
func (p *publisher) action() evio.Action {
	if p.done {
		return evio.Close
	}
	return evio.None
}

// closed is also called for connections that were never opened, or turned away.
func (s *Server) closed(c evio.Conn, err error) evio.Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.publishers, c)
	if s.mayStop() {
		return evio.Shutdown
	}
	return evio.None
}

// mayStop tells whether evio should end, and can.
func (s *Server) mayStop() bool {
	return s.stopped() && time.Since(s.listening) >= startTime
}

// wakeAll has data called for every publisher. Wake after the end of a loop would
// write to a descriptor that is somebody else's by then; but evio calls closed for
// every connection before that, and closed takes this lock.
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

// awake looks at a publisher that sent nothing. It may not answer: evio would
// drop what it has not sent yet. Nor may it forget the action that waits for that.
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
			s.opts.Logger.Warn("publisher closed for unread replies; its acknowledged messages are published",
				"client", clientName(c), "unread_bytes", unsent, "after", s.opts.ReplyTimeout)
		}
		// Closing with an action would wait for the replies to be sent. This makes
		// evio's next write fail, and evio closes the connection itself.
		s.warn(syscall.Shutdown(descriptor, syscall.SHUT_RDWR), "cannot close a publisher")
	}
	return p.action()
}

// insideOf reads what evio does not tell: a connection's descriptor and how many
// bytes it has not sent. Only evio's goroutine may call it. The fields are private:
// with another evio than v1.0.8, TestUnreadReplies may fail.
func insideOf(c evio.Conn) (descriptor, unsent int) {
	conn := reflect.ValueOf(c).Elem()
	return int(conn.FieldByName("fd").Int()), conn.FieldByName("out").Len()
}

func (s *Server) warn(err error, what string) {
	if err != nil {
		s.opts.Logger.Warn(what, "err", err)
	}
}
