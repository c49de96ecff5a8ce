package loop

import (
	"context"
	"time"
)

// roundBytesMax is how much is appended before it must be delivered. It is about
// what a socket takes at once, so that a pass seldom leaves one full.
const roundBytesMax = 128 << 10

// A round is the work that a pass has to do: a queue of audiences whose streams
// have grown. A pass may stop anywhere in it, since the cursors are the state.
type round struct {
	queue     []*audience
	first     int // the queue's front, to pop without moving the rest
	bytes     int // appended since it was empty
	scheduled bool
	began     time.Time // when the first of the queue came
}

func (r *round) empty() bool { return r.first == len(r.queue) }

// full reports whether a round's worth of bytes is appended and not delivered yet.
func (r *round) full() bool { return r.bytes >= roundBytesMax && !r.empty() }

// add notes that a's stream has grown.
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

// runPass is the pass that schedulePass has asked for; it ends the turn.
func (l *Loop) runPass(context.Context) error {
	l.round.scheduled = false
	begin := time.Now()
	l.budget.renew(begin)
	done := l.pass()
	l.stats.Passes.add(time.Since(begin))
	if done {
		l.admitWaiting()
	}
	if !l.round.empty() || len(l.waitingPublishers) > 0 || l.stop.Load() != stopNone {
		// The next pass is not asked for here: gnet would run it before it looks
		// at any socket. The wakeup is a socket.
		l.wakeup.notify()
	}
	return nil
}

// pass pumps every subscriber that has something new, as many as this turn may
// still write to, and tells whether it came to the round's end.
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

// walk pumps a's subscribers from the slice's end to its start, and tells whether
// it came there. A write that fails closes its connection inside the walk, and a
// swap-delete then moves one that was already visited into the hole: nobody is
// skipped.
func (l *Loop) walk(a *audience) (done bool) {
	for a.unvisited > 0 && l.budget.spend() {
		a.unvisited--
		a.subscribers[a.unvisited].pump(l)
	}
	return a.unvisited == 0
}
