package loop

import (
	"context"
	"time"
)

// roundBytesMax is how many bytes fill a round: when they are appended to streams, they must be
// delivered before more messages are published. It is about as much as one socket accepts at a
// time, so a pass rarely fills a socket.
const roundBytesMax = 128 << 10

// A round is the work of a pass: a queue of audiences whose streams have grown. A pass may stop
// anywhere and continue in a later turn, because all progress is in the cursors and in
// audience.unvisited.
//
//	publish ─► deliver ─► round.add ─► queue ─► pass ─► walk ─► pump ─► socket
//	               ▲                                │
//	               └─ intake.go waits while full ◄──┘ empty again when all were pumped
type round struct {
	queue     []*audience
	first     int       // index of the queue's front, so that removing it does not move the rest
	bytes     int       // appended since the round was empty
	scheduled bool      // gnet will call runPass
	began     time.Time // when the first audience was added
}

func (r *round) empty() bool { return r.first == len(r.queue) }

// full reports whether roundBytesMax bytes are appended and not delivered yet.
func (r *round) full() bool { return r.bytes >= roundBytesMax && !r.empty() }

// add notes that the stream of a has grown. If a walk of a is in progress, the subscribers that it
// has already visited need another walk, so add sets walkAgain.
func (r *round) add(a *audience) {
	if len(r.queue) == 0 {
		r.began = time.Now()
	}
	if !a.inRound {
		a.inRound, a.unvisited = true, len(a.subscribers)
		r.queue = append(r.queue, a)
	} else if a.unvisited < len(a.subscribers) {
		a.walkAgain = true
	}
}

// runPass runs the pass that schedulePass has asked for. It is the last work of a turn.
func (l *Loop) runPass(context.Context) error {
	begin := time.Now()
	l.budget.renew(begin)
	done := l.pass()
	l.stats.Passes.add(time.Since(begin))
	if done {
		l.admitWaiting()
	}
	// It stays true until here, so that the publishers admitted above do not schedule the next
	// pass. gnet would run that pass in the same turn, and so on for every waiting publisher.
	l.round.scheduled = false
	if !l.round.empty() || len(l.waitingPublishers) > 0 || l.stop.Load() != stopNone {
		// The next pass is not scheduled here: gnet would run it before it looks at any socket. The
		// wakeup is a socket, so gnet looks at the others too.
		l.wakeup.notify()
	}
	return nil
}

// pass pumps the subscribers of all audiences in the round until the budget of this turn is spent.
// It reports whether the round is empty now.
func (l *Loop) pass() (done bool) {
	r := &l.round
	for !r.empty() {
		a := r.queue[r.first]
		if !l.walk(a) {
			return false
		}
		if !a.walkAgain {
			a.rewind()
		}
		r.queue[r.first] = nil
		r.first++
		a.inRound = false
		if a.walkAgain {
			a.walkAgain = false
			r.add(a)
		}
	}
	if len(r.queue) > 0 {
		l.stats.FanOuts.add(time.Since(r.began))
	}
	r.queue, r.first, r.bytes = r.queue[:0], 0, 0
	return true
}

// walk pumps the subscribers of a from the end of the slice to its start, and reports whether it
// reached the start. A failed write closes its connection inside the walk. audience.leave then
// moves a subscriber that was already visited into its place, so the walk skips none.
func (l *Loop) walk(a *audience) (done bool) {
	for a.unvisited > 0 && l.budget.spend() {
		a.unvisited--
		a.subscribers[a.unvisited].pump(l)
	}
	return a.unvisited == 0
}
