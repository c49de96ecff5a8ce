package loop

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/sse"
)

// What becomes of subscribers that take their stream slower than it comes. All
// that is asked here is asked only of those that wait for their socket.

// checkBacklog closes a subscriber that lags too far, or passes it over to the
// newest message.
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

// A prefix is what goes out before a subscriber's stream: the rest of a frame that was
// sent in part, or a gap event, and then, for a subscriber that was skipped, how many
// messages it missed. Until the prefix is sent, the cursor stays where it is.
type prefix struct {
	rest   []byte // bytes to send
	missed uint64 // messages skipped and not reported yet
}

// prefixes are those of all subscribers. Their bytes count as backlog.
type prefixes struct {
	of    map[*subscriber]*prefix
	bytes int
}

// backlogBytes returns how many bytes are held for subscribers that lag.
func (l *Loop) backlogBytes() int { return l.pool.Retained() + l.prefixes.bytes }

// skip moves s to the newest message. It never cuts a frame.
func (s *subscriber) skip(l *Loop) {
	rest, passed := s.audience.stream.Skip(&s.cursor, nil)
	if passed == 0 {
		return // it is in the newest already
	}
	s.deliveredBase += passed
	l.stats.Skips++
	l.stats.Skipped += passed
	l.eventLog.skipped(s, passed, l)
	s.prefixFor(l, rest).missed += passed
}

// maySkip tells whether s is passed over rather than closed. Not so one that is
// being told what it missed before: it comes back, and goes on from there.
func (s *subscriber) maySkip(l *Loop) bool {
	return l.opts.Slow == SlowSkip && s.marks&replaying == 0
}

// prefixFor returns the prefix of s. If s has none, it makes one that sends rest.
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

// sendPrefix sends the prefix of s and reports whether all of it is sent. If not, s
// waits again, or is closed.
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

// setStallCheck schedules checkStall for s: in a second, or after a quarter of a
// shorter time-out.
func (s *subscriber) setStallCheck(l *Loop) {
	if !l.disconnecting {
		l.wheel.set(&s.client, ticks(min(time.Second, l.opts.StallTimeout/4)))
	}
}

// checkStall closes a subscriber whose socket has taken nothing for too long. A
// socket becomes writable only when a good part of it is free, which a slow
// reader may take minutes for; so it is asked how much it holds. Only if that
// never changes is there no progress.
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

// unsentBytes is how much a socket holds that its peer has not taken (SIOCOUTQ of
// tcp(7) and unix(7)).
func unsentBytes(fd int) int {
	n, _ := unix.IoctlGetInt(fd, unix.SIOCOUTQ) // it fails only if fd is no socket
	return n
}
