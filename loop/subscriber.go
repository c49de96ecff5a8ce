package loop

import (
	"errors"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/sse"
)

// A subscriber is a connection that receives a stream. A daemon may have many thousands of idle
// subscribers, so this struct has only the fields that it needs. Everything that the admin pages
// show about a subscriber is derived from these fields on request.
//
// The state of a subscriber decides what happens when its stream grows:
//
//	state      entered by                  what pump does         left by
//	current                                writes to the socket
//	blocked    block: the socket is full   checks backlog limits  writable: the watch reports it
//	replaying  startReplay: it has missed  checks backlog limits  replaySome: all of it is sent
//	           messages
//
// A subscriber can be blocked and replaying at the same time. Bytes that go before the stream are
// sent in the order of beforeStream. The stream's own bytes wait at the cursor until then, so all
// bytes are sent in the right order.
type subscriber struct {
	client
	audience      *audience
	cursor        stream.Cursor
	deliveredBase uint64 // stream.Read(&cursor) - deliveredBase messages are delivered; may wrap
	info          *clientInfo
	number        uint32 // its number in the watch; also the upper bits of its ConnID
	place         int32  // its index in audience.subscribers
	wrote         uint32 // tick at which its socket last accepted or sent something
	reason        reason // why the loop closes it; reasonLeft: the loop does not
	noise         uint8  // how often it sent something after its request
	blocked       bool   // its socket is full; it is in backlog.blocked
	marks         marks
}

// marks are flags that few subscribers have set.
type marks uint8

const (
	watched   marks = 1 << iota // its socket has been registered with the watch
	headHeld                    // gnet's buffer holds the end of its response head
	prefixed                    // it has an entry in backlog.prefixes
	replaying                   // it has an entry in past.replays
	announced                   // OnSubscribe is called for it, so OnUnsubscribe will be
)

// beforeStream are the marks for bytes that must be sent before the stream. They are sent in the
// order of these marks.
const beforeStream = headHeld | prefixed | replaying

// subscribe turns a pending connection into a subscriber of the audience a, answers its request,
// and starts its replay if it missed messages. The subscriber joins the stream before that, so
// messages published from now on wait at its cursor.
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
	s.setHeartbeat(l)
	l.eventLog.connected(s)
	l.hooks.subscribed(s, l)
	if _, err := conn.Write(l.heads.opening(ask, &l.opts)); err != nil {
		return // gnet has closed it, and called closed
	}
	if conn.OutboundBuffered() > 0 {
		// gnet holds the end of the head. A direct send would overtake it.
		s.marks |= headHeld
	}
	s.startReplay(l, from)
	switch {
	case s.marks&headHeld != 0:
		s.block(l)
	case s.marks&replaying != 0:
		// Replays are queued, because hundreds of subscribers may arrive in one turn, and nothing
		// limits how much this function writes in a turn.
		l.replays.queue = append(l.replays.queue, s)
		l.wakeup.notify()
	case s.marks&beforeStream != 0 && s.sendBeforeStream(l):
		s.pump(l)
	}
}

// pump sends the unread part of the stream until all of it is sent or the socket is full. It sends
// nothing while other bytes must go first. It is the hot path of the daemon: pass.go calls it for
// each subscriber of a stream that has grown.
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

// block marks s as waiting for its socket. The watch calls writable when the socket accepts more.
// From now on, checkStall measures the progress of s. block may close s if its backlog is too long.
func (s *subscriber) block(l *Loop) {
	s.blocked = true
	s.audience.lagging++
	number, err := l.await(s, s.fd(), s.number, s.marks&watched != 0)
	if err != nil {
		l.log.Error("cannot watch a socket; closing its subscriber",
			"client", nameOf(s.conn, s.info.forwardedAddr()), "err", err)
		s.end(reasonError)
		return
	}
	s.number = number
	s.marks |= watched
	s.wrote = l.wheel.now
	s.setStallCheck(l)
	s.checkBacklog(l)
}

// writable continues sending after the socket was full.
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

// sendBeforeStream sends the bytes that go before the stream: the held head, the prefix and the
// replay. It reports whether all of them are sent. If not, s waits for its socket, the Store or its
// turn in the replay queue, or is closed.
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

// end closes s when the daemon stops serving it. gnet calls closed inside this call, so the caller
// must not use s afterwards. A subscriber that does not read gets a reset, because after a normal
// close the kernel would hold its unsent bytes for hours.
func (s *subscriber) end(why reason) {
	s.reason = why
	if why == reasonSlow || why == reasonStalled || why == reasonEvicted {
		_ = unix.SetsockoptLinger(s.fd(), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	s.close()
}

// noiseMax limits how often a client may send something after its request. The bytes are discarded,
// but even that costs time, so a client that keeps sending is disconnected.
const noiseMax = 32

// traffic discards bytes that a subscriber sends after its request. A second request is never
// served.
func (s *subscriber) traffic(*Loop, []byte) gnet.Action {
	if s.noise++; s.noise > noiseMax {
		s.reason = reasonKicked
		return gnet.Close
	}
	return gnet.None
}

// expire handles a subscriber's deadline. Depending on its state, the subscriber is disconnected by
// a shutdown, checked for a stall, or gets a heartbeat.
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

// heartbeat sends a comment that shows that the connection works, unless something else was sent
// recently. A subscriber that lags or replays needs none, since bytes for it are on the way.
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
		s.end(reasonStalled) // the socket is full, and a partly sent comment cannot be undone
		return
	case n == 0: // the socket is full of other bytes, so the heartbeat is not needed
		s.block(l)
		return
	}
	s.wrote = l.wheel.now
	l.stats.BytesOut += uint64(n)
	s.setHeartbeat(l)
}

// setHeartbeat sets the deadline for the next heartbeat. During a shutdown, beginDrain has set
// another deadline for every subscriber, which setHeartbeat keeps.
func (s *subscriber) setHeartbeat(l *Loop) {
	if l.disconnecting {
		return
	}
	silence := l.wheel.now - s.wrote
	after := s.heartbeatAfter(l)
	l.wheel.set(&s.client, after-min(silence, after))
}

// heartbeatAfter returns how long the stream of s may be silent, in ticks: between half of the
// interval and all of it, depending on the descriptor. Without this spread, a message to all
// subscribers would make all of their later heartbeats due at the same time.
func (s *subscriber) heartbeatAfter(l *Loop) uint32 {
	interval := ticks(l.opts.Heartbeat)
	return interval - 1 - uint32(s.fd())%(interval/2)
}

// reasonFor returns the reason for a connection that closed or failed with err. When the kernel
// gives up on a peer that has vanished, the error is ETIMEDOUT only if the kernel received nothing
// at all. Otherwise it is the last ICMP error on the path: EHOSTUNREACH, ENETUNREACH, EACCES, and
// others. All of these count as stalled.
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

// closed removes s from every structure that refers to it. It can run in the middle of a walk of
// its audience, inside a call of end.
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
	l.shared.releaseSubscriber(s.address())
	l.shared.connections.Add(-1)
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
