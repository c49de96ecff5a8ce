package loop

import (
	"errors"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/sse"
)

// A subscriber is a connection that receives a stream. Many thousands of them
// idle, so every field is weighed; what an operator wants to know of one is
// derived from these when asked.
type subscriber struct {
	client
	audience      *audience
	cursor        stream.Cursor
	deliveredBase uint64 // messages of the stream that it did not get: before it joined, and passed over
	info          *clientInfo
	number        uint32 // what the watch, and an operator, know it by
	place         int32  // its place in audience.subscribers
	wrote         uint32 // tick at which it last took something
	reason        reason // why it ends, if we end it
	noise         uint8  // how often it sent something after its request
	blocked       bool   // its socket is full; it stands in backlog.blocked
	marks         marks
}

// marks are flags that few subscribers have set.
type marks uint8

const (
	watched   marks = 1 << iota // its socket was registered with the watch
	headHeld                    // part of its head is in gnet's buffer, and goes out first
	prefixed                    // its prefix in backlog.prefixes goes out first
	replaying                   // what past.replays has for it goes out first, too
	announced                   // OnSubscribe is told of it, so OnUnsubscribe will be
)

// beforeStream are the marks of what goes out before the stream, in this order.
const beforeStream = headHeld | prefixed | replaying

// subscribe turns a pending connection into a subscriber of a set and answers its
// request.
func (c *pendingConn) subscribe(l *Loop, ask *subreq.Request, a *audience, info *clientInfo, from resumePoint) {
	conn := c.conn
	s := &subscriber{
		client: client{conn: conn, openedSec: c.openedSec},
		info:   info,
		number: l.nextNumber(),
		wrote:  l.wheel.now,
	}
	conn.SetContext(s)
	l.subscribersByFD.add(conn.Fd(), s)
	c.drop(l)
	a.join(s)
	l.stats.Subscribers++
	l.perAddress.add(s.address())
	s.setHeartbeat(l)
	l.eventLog.connected(s)
	l.hooks.subscribed(s, l)
	if _, err := conn.Write(l.heads.opening(ask, &l.opts)); err != nil {
		return // gnet has closed it
	}
	if conn.OutboundBuffered() > 0 {
		// gnet holds the head's end. A raw write would overtake it.
		s.marks |= headHeld
	}
	s.startReplay(l, from)
	switch {
	case s.marks&headHeld != 0:
		s.block(l)
	case s.marks&replaying != 0:
		// Hundreds may have come in this turn, which has no bound for what it writes.
		l.replays.queue = append(l.replays.queue, s)
		l.wakeup.notify()
	case s.marks&beforeStream != 0 && s.sendBeforeStream(l):
		s.pump(l)
	}
}

// pump writes to s what it has yet to read, until that is all or its socket is
// full.
func (s *subscriber) pump(l *Loop) {
	if s.blocked || s.marks&replaying != 0 {
		s.checkBacklog(l)
		return
	}
	stream, fd := s.audience.stream, s.fd()
	for {
		pending := stream.Pending(&s.cursor)
		if len(pending) == 0 {
			return
		}
		n, errno := send(fd, pending)
		switch errno {
		case 0, unix.EAGAIN:
		case unix.EINTR:
			continue
		default:
			s.end(reasonFor(errno))
			return
		}
		if n > 0 {
			stream.Advance(&s.cursor, n)
			s.wrote = l.wheel.now
			l.stats.BytesOut += uint64(n)
		}
		if n < len(pending) {
			s.block(l)
			return
		}
	}
}

// block marks s as waiting for its socket. What it takes from now on is progress.
func (s *subscriber) block(l *Loop) {
	s.blocked = true
	s.audience.lagging++
	number, err := l.await(s, s.fd(), s.number, s.marks&watched != 0)
	if err != nil {
		l.log.Error("cannot watch a socket; closing its subscriber", "err", err)
		s.end(reasonError)
		return
	}
	s.number = number
	s.marks |= watched
	s.wrote = l.wheel.now
	s.setStallCheck(l)
	s.checkBacklog(l)
}

// writable goes on where the socket was full.
func (s *subscriber) writable(l *Loop) {
	delete(l.blocked, s.number)
	s.blocked = false
	s.audience.lagging--
	s.setHeartbeat(l)
	if s.marks&beforeStream != 0 && !s.sendBeforeStream(l) {
		return
	}
	a := s.audience
	s.pump(l)
	if !a.inRound {
		a.rewind()
	}
}

// sendBeforeStream sends what goes before the stream. It tells whether that is all out;
// if not, s waits again, or is closed.
func (s *subscriber) sendBeforeStream(l *Loop) bool {
	if s.marks&headHeld != 0 {
		if s.conn.OutboundBuffered() > 0 {
			s.block(l)
			return false
		}
		s.marks &^= headHeld
	}
	if s.marks&prefixed != 0 && !s.sendPrefix(l) {
		return false
	}
	return s.marks&replaying == 0 || s.replaySome(l)
}

// end closes s for a reason of ours. One that does not read gets a reset: after
// an orderly end the kernel would go on holding, for hours, what it has not taken.
func (s *subscriber) end(why reason) {
	s.reason = why
	if why == reasonSlow || why == reasonStalled || why == reasonEvicted {
		_ = unix.SetsockoptLinger(s.fd(), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	s.close()
}

// noiseMax is how often a subscriber may send something after its request. What
// it sends is thrown away unread, but throwing away costs time, too: one that
// keeps sending is no subscriber.
const noiseMax = 32

// traffic throws away what a subscriber sends after its request: a second
// request is never served.
func (s *subscriber) traffic(*Loop, []byte) gnet.Action {
	if s.noise++; s.noise > noiseMax {
		s.reason = reasonKicked
		return gnet.Close
	}
	return gnet.None
}

// expire looks after a subscriber whose time has come: it leaves with the server,
// or has been stuck for too long, or gets a heartbeat.
func (s *subscriber) expire(l *Loop) {
	switch {
	case l.disconnecting:
		s.drainOne(l)
	case s.blocked:
		s.checkStall(l)
	default:
		s.heartbeat(l)
	}
}

// heartbeat tells a subscriber that we are still there, unless something else was
// written in time. One that waits for the pass has bytes under way already.
func (s *subscriber) heartbeat(l *Loop) {
	silence := l.wheel.now - s.wrote
	if s.marks&replaying != 0 || s.audience.stream.Lag(&s.cursor) > 0 || silence < s.heartbeatAfter(l) {
		s.setHeartbeat(l)
		return
	}
	n, errno := send(s.fd(), []byte(sse.Keepalive))
	switch {
	case errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR:
		s.end(reasonFor(errno))
		return
	case n > 0 && n < len(sse.Keepalive):
		s.end(reasonStalled) // the socket is full, and half a comment cannot be taken back
		return
	case n == 0: // the socket is full; the heartbeat is what it needs least
		s.block(l)
		return
	}
	s.wrote = l.wheel.now
	l.stats.BytesOut += uint64(n)
	s.setHeartbeat(l)
}

// setHeartbeat sets the deadline by which something must have been written. At the
// end of the server everybody has another deadline, and keeps it.
func (s *subscriber) setHeartbeat(l *Loop) {
	if l.disconnecting {
		return
	}
	silence := l.wheel.now - s.wrote
	after := s.heartbeatAfter(l)
	l.wheel.set(&s.client, after-min(silence, after))
}

// heartbeatAfter is how much silence s gets, in ticks: between half an interval
// and a whole one. A message to all makes all fall silent at once; without the
// spread their heartbeats would come at once, too.
func (s *subscriber) heartbeatAfter(l *Loop) uint32 {
	interval := ticks(l.opts.Heartbeat)
	return interval - 1 - uint32(s.fd())%(interval/2)
}

// reasonFor tells what it means for a subscriber that its socket ended with an error,
// or with none. When the kernel gives up on one that vanished, the error is
// ETIMEDOUT only if it heard nothing at all; otherwise it is whatever it heard last
// of the way there: EHOSTUNREACH, ENETUNREACH, EACCES, and more.
func reasonFor(err error) reason {
	errno, failed := errors.AsType[unix.Errno](err)
	switch {
	case !failed:
		return reasonLeft
	case errno == unix.ECONNRESET || errno == unix.EPIPE || errno == unix.ECONNABORTED:
		return reasonReset
	}
	return reasonStalled
}

// closed takes s out of everything that knows it.
func (s *subscriber) closed(l *Loop, err error) {
	a := s.audience
	switch {
	case s.reason != reasonLeft:
	case l.stop.Load() != stopNone:
		s.reason = reasonShutdown
	default:
		s.reason = reasonFor(err)
	}
	if s.blocked {
		delete(l.blocked, s.number)
	}
	l.eventLog.ended(s, l)
	l.hooks.ended(s, l)
	s.dropPrefix(l)
	delete(l.replays.of, s)
	l.perAddress.remove(s.address())
	l.subscribersByFD.remove(s.conn.Fd())
	a.leave(s)
	if len(a.subscribers) == 0 {
		l.index.Detach(a.set)
		l.indexChanged()
		a.stream.Discard()
	} else if !a.inRound {
		a.rewind()
	}
	l.clientInfos.release(s.info)
	l.stats.Subscribers--
	l.stats.ended[s.reason]++
	s.client.detach(l)
}
