package loop

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/sse"
)

// This file handles subscribers that read more slowly than their stream grows. Its checks apply
// only to subscribers that wait for their socket or their replay.
//
//	lags more than BacklogBytesMax ─► SlowDisconnect: closed as "slow"
//	                                  SlowSkip: moved to the newest message, gets a gap event
//	socket accepts nothing for StallTimeout ─► closed as "stalled"
//	all streams exceed BacklogTotalBytesMax ─► memorylimit.go, evict.go

// checkBacklog closes a subscriber that lags more than BacklogBytesMax, or skips it to the newest
// message.
func (s *subscriber) checkBacklog(l *Loop) {
	if s.audience.stream.Lag(&s.cursor) <= uint64(l.opts.BacklogBytesMax) {
		return
	}
	if s.maySkip(l) {
		s.skip(l)
		return
	}
	s.end(reasonSlow)
}

// A prefix is sent before a subscriber's stream. It contains the rest of a partly sent frame, or a
// gap event. For a subscriber that was skipped, a gap event with the number of missed messages
// follows. The cursor does not move until the prefix is sent.
type prefix struct {
	rest   []byte // bytes to send
	missed uint64 // messages skipped and not reported yet
}

// prefixes are the prefixes of all subscribers. Their bytes count as backlog.
type prefixes struct {
	of    map[*subscriber]*prefix
	bytes int
}

// skip moves s to the newest message. It never cuts a frame: if s has received part of a frame, the
// rest becomes its prefix.
func (s *subscriber) skip(l *Loop) {
	rest, passed := s.audience.stream.Skip(&s.cursor, nil)
	if passed == 0 {
		return // it has already reached the newest message
	}
	s.deliveredBase += passed
	l.stats.Skips++
	l.stats.Skipped += passed
	l.eventLog.skipped(s, passed, l)
	s.prefixFor(l, rest).missed += passed
}

// maySkip reports whether s is skipped instead of closed. A subscriber in a replay is closed: when
// it reconnects, it continues where the replay stopped.
func (s *subscriber) maySkip(l *Loop) bool {
	return l.opts.Slow == SlowSkip && s.marks&replaying == 0
}

// prefixFor returns the prefix of s. If s does not have one, it makes a prefix that sends rest. It
// panics if s has a prefix and rest is not empty: the cursor must not have moved before that prefix
// was sent.
func (s *subscriber) prefixFor(l *Loop, rest []byte) *prefix {
	p, ok := l.prefixes.of[s]
	if ok && len(rest) > 0 {
		panic("loop: a subscriber's cursor moved before its prefix was sent")
	}
	if !ok {
		p = &prefix{rest: rest}
		l.prefixes.of[s] = p
		l.prefixes.bytes += len(rest)
		s.marks |= prefixed
	}
	return p
}

// sendPrefix sends the prefix of s, and reports whether all of it is sent. If not, s waits for its
// socket again, or is closed.
func (s *subscriber) sendPrefix(l *Loop) bool {
	for p := l.prefixes.of[s]; len(p.rest) > 0 || p.missed > 0; {
		if len(p.rest) == 0 {
			p.rest = l.opts.appendGap(nil, sse.Gap{Reason: sse.GapSlow, Missed: p.missed, Newest: l.window.newestID()})
			l.prefixes.bytes += len(p.rest)
			p.missed = 0
		}
		n, ok := s.sendTo(l, p.rest)
		if !ok {
			return false
		}
		p.rest = p.rest[n:]
		l.prefixes.bytes -= n
		if len(p.rest) > 0 {
			s.block(l)
			return false
		}
	}
	s.dropPrefix(l)
	return true
}

// dropPrefix removes the prefix of s, if it has one.
func (s *subscriber) dropPrefix(l *Loop) {
	if s.marks&prefixed == 0 {
		return
	}
	l.prefixes.bytes -= len(l.prefixes.of[s].rest)
	delete(l.prefixes.of, s)
	s.marks &^= prefixed
}

// setStallCheck schedules checkStall for s: in one second, or in a quarter of StallTimeout if that
// is shorter.
func (s *subscriber) setStallCheck(l *Loop) {
	if !l.disconnecting {
		l.wheel.set(&s.client, ticks(min(time.Second, l.opts.StallTimeout/4)))
	}
}

// checkStall closes a subscriber whose socket has accepted nothing for StallTimeout. The kernel
// reports a socket as writable only when a good part of its buffer is free, which can take minutes
// with a slow reader. So checkStall asks for the number of unsent bytes. There is no progress only
// if that number stays the same.
func (s *subscriber) checkStall(l *Loop) {
	w := l.blocked[s.number]
	if unsent := unsentBytes(s.fd()); unsent != w.unsent {
		w.unsent = unsent
		l.blocked[s.number] = w
		s.wrote = l.wheel.now
	}
	if l.wheel.now-s.wrote >= ticks(l.opts.StallTimeout) {
		s.end(reasonStalled)
		return
	}
	s.setStallCheck(l)
}

// unsentBytes returns how many bytes a socket holds that its peer has not acknowledged (SIOCOUTQ in
// tcp(7) and unix(7)).
func unsentBytes(fd int) int {
	n, _ := unix.IoctlGetInt(fd, unix.SIOCOUTQ) // it fails only if fd is not a socket
	return n
}
