package loop

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/sse"
)

// lifecycle is how far the end of a loop has come.
type lifecycle struct {
	ready            chan struct{} // closed once all that gnet serves from the start is registered
	done             chan struct{} // closed by Close
	stop             atomic.Int32  // stopNot, stopDrain or stopNow; any goroutine may set it
	disconnecting    bool          // everything is delivered, and subscribers leave
	lastSubscriberAt uint32        // the last tick at which there were subscribers
	unixClosing      unixClosing
}

// How far the end has come.
const (
	stopNone  int32 = iota
	stopDrain       // nothing new is taken; what was accepted is delivered
	stopNow         // no more waiting
)

// unreadRepliesTime is how long publishers have to read their replies once everything
// else is done.
const unreadRepliesTime = time.Second

// drain brings the end on: when everything that was accepted stands in the
// streams, the subscribers begin to leave. It tells whether all is done, or there
// is no more waiting for it.
func (l *Loop) drain() (done bool) {
	select {
	case <-l.ready:
	default:
		return false // gnet would wait for ever for what is being registered; the clock asks again
	}
	if l.stop.Load() == stopNow {
		return l.unixClosing.finished(l.wakeup)
	}
	if !l.disconnecting && l.sequencer.settled(l) && l.round.empty() && len(l.unread) == 0 && l.mailbox.empty() {
		l.beginDrain()
	}
	if !l.disconnecting || l.stats.Subscribers > 0 {
		l.lastSubscriberAt = l.wheel.now
		return false
	}
	// What is blocked now are publishers that have yet to read their replies.
	return (len(l.blocked) == 0 || l.wheel.now-l.lastSubscriberAt >= ticks(unreadRepliesTime)) && l.unixClosing.finished(l.wakeup)
}

// unixClosing closes the unix listeners before the loop ends. The loop must still take the
// connections that they have accepted, or it would hang for as long as the process lives.
type unixClosing struct {
	close   func() // returns once the loop has taken what was accepted
	started bool
	done    atomic.Bool
}

// finished reports whether the unix listeners are closed. The first call starts closing
// them; the loop is woken when that is done.
func (u *unixClosing) finished(wakeup *wakeup) bool {
	if !u.started {
		u.started = true
		go func() {
			u.close()
			u.done.Store(true)
			wakeup.notify()
		}()
	}
	return u.done.Load()
}

// beginDrain gives every subscriber a random time at which it is closed, so that they do
// not all reconnect at once. Nothing is published any more, so no subscriber misses
// anything by leaving early.
func (l *Loop) beginDrain() {
	l.disconnecting = true
	spread := ticks(max(0, l.opts.Drain))
	for _, s := range l.subscribersByFD {
		if s != nil {
			l.wheel.set(&s.client, rand.Uint32N(spread+1))
		}
	}
	l.authRequests.abandonAll(l)
}

// drainOne sends a retry time to a subscriber that has everything, and closes it. A
// subscriber that lags is tried again a tick later.
func (s *subscriber) drainOne(l *Loop) {
	l.wheel.set(&s.client, 1)
	if r, ok := l.replays.of[s]; ok && r.phase != phaseKept && s.marks&(headHeld|prefixed) == 0 {
		s.retryMidReplay(l, l.opts.retryTime(), reasonShutdown) // the store has it for whoever comes back
		return
	}
	if s.blocked || s.marks&replaying != 0 || s.audience.stream.Lag(&s.cursor) > 0 {
		return
	}
	l.frame = sse.AppendRetry(l.frame[:0], l.opts.retryTime().Milliseconds())
	if _, errno := send(s.fd(), l.frame); errno == unix.EAGAIN {
		s.block(l)
		return
	}
	s.end(reasonShutdown)
}
