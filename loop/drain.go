package loop

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/sse"
)

// lifecycle is the state of the loop's shutdown:
//
//	stopNone ──StartDrain──► stopDrain ─────────► disconnecting ────────► Run returns
//	   │                     deliver accepted     close subscribers            ▲
//	   │                     messages             one by one                   │
//	   └───────StopNow───────────┴────────────────────┴───► stopNow ───────────┘
//
// disconnecting is a step within stopDrain, with a separate flag.
type lifecycle struct {
	ready            chan struct{} // closed once the wakeup and the watch are registered
	done             chan struct{} // closed by Close
	stop             atomic.Int32  // stopNone, stopDrain or stopNow; any goroutine may set it
	disconnecting    bool          // all messages are delivered, and subscribers are being disconnected
	lastSubscriberAt uint32        // the last tick at which there were subscribers
	unixClosing      unixClosing
	last             Stats // the figures when Close was called; read after done is closed
}

// The values of lifecycle.stop.
const (
	stopNone  int32 = iota
	stopDrain       // no new messages are accepted; accepted ones are delivered
	stopNow         // Run returns without waiting for messages or subscribers
)

// unreadRepliesTime is how long the shutdown waits for publishers to read their replies once
// everything else is done.
const unreadRepliesTime = time.Second

// drain advances the shutdown and reports whether the loop may stop now. onWake calls it every time
// once the loop is stopping. When every accepted message is in the streams, it starts to disconnect
// subscribers. When those of all loops have left, it waits up to unreadRepliesTime for publishers
// that have yet to read replies, and for the unix listeners to close. Until then, each loop asks
// new clients to retry later.
func (l *Loop) drain() (done bool) {
	select {
	case <-l.ready:
	default:
		return false // gnet would wait forever for the registration; the next tick tries again
	}
	if l.stop.Load() == stopNow {
		return l.unixClosing.finished(l.wakeup)
	}
	if !l.disconnecting && l.sequencer.settled(l) && l.round.empty() && len(l.unread) == 0 && l.mailbox.empty() {
		l.beginDrain()
	}
	if !l.disconnecting || l.shared.subscribers.Load() > 0 {
		l.lastSubscriberAt = l.wheel.now
		return false
	}
	// Without subscribers, the blocked connections are publishers that have yet to read replies.
	return (len(l.blocked) == 0 || l.wheel.now-l.lastSubscriberAt >= ticks(unreadRepliesTime)) && l.unixClosing.finished(l.wakeup)
}

// unixClosing closes the unix listeners before the loop ends. The loop must keep running until they
// are closed, so that it takes every connection that they have accepted. Otherwise that connection
// would stay open, and gnet's goroutine would wait for the loop, until the process exits.
type unixClosing struct {
	close   func() // returns once the loop has taken all accepted connections
	started bool
	done    atomic.Bool
}

// finished reports whether the unix listeners are closed. The first call starts to close them on
// another goroutine, which wakes the loop when it is done.
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

// beginDrain gives every subscriber a random deadline within Options.Drain. Subscribers are
// disconnected at their deadlines, so that they do not all reconnect at the same time. No more
// messages are published, so no subscriber misses a message by leaving early.
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

// drainOne sends a reconnection time to a subscriber that has everything, and closes it. It tries
// again one tick later if the subscriber lags. A subscriber that replays from the Store is closed
// in the middle of its replay: the Store still has the messages when it reconnects.
func (s *subscriber) drainOne(l *Loop) {
	l.wheel.set(&s.client, 1)
	if r, ok := l.replays.of[s]; ok && r.phase != phaseKept && s.marks&(headHeld|prefixed) == 0 {
		s.retryMidReplay(l, l.opts.retryTime(), reasonShutdown)
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
