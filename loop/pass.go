package loop

import (
	"context"
	"time"

	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/nsindex"
)

// An audience is all connections with one subscription set: the stream that
// they share, and the dense slice that a pass walks. Each subscriber knows its
// own place in the slice, so leaving needs no search.
type audience struct {
	set         nsindex.Set
	number      uint64 // tells it from all others, those that are gone included
	stream      *stream.Stream
	subscribers []*subscriber
	lagging     int // how many of them wait for their socket or replay
	// The walk of the round comes from the slice's end; those at unvisited and
	// above have been pumped.
	unvisited   int
	inRound     bool // it stands in the round's queue
	again       bool // something was appended after its walk had begun
	used        bool // something was appended since the last releaseIdle
	holdsMemory bool // it stands in loop.holdingMemory
}

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

// add notes that a's stream has grown.
func (r *round) add(a *audience) {
	if len(r.queue) == 0 {
		r.began = time.Now()
	}
	if !a.inRound {
		a.inRound, a.unvisited = true, len(a.subscribers)
		r.queue = append(r.queue, a)
	} else if a.unvisited < len(a.subscribers) {
		a.again = true
	}
}

// runPass is the pass that schedulePass has asked for; it ends the turn.
func (l *loop) runPass(context.Context) error {
	l.round.scheduled = false
	begin := time.Now()
	l.budget.renew(begin)
	done := l.pass()
	l.stats.Passes.add(time.Since(begin))
	if done {
		l.admitWaiting()
	}
	if !l.round.empty() || len(l.intake.line) > 0 || l.stop.Load() != stopNot {
		// The next pass is not asked for here: gnet would run it before it looks
		// at any socket. The wakeup is a socket.
		l.wakeup.notify()
	}
	return nil
}

// pass pumps every subscriber that has something new, as many as this turn may
// still write to, and tells whether it came to the round's end.
func (l *loop) pass() (done bool) {
	r := &l.round
	for !r.empty() {
		a := r.queue[r.first]
		if !l.walk(a) {
			return false
		}
		if !a.again {
			a.rewind()
		}
		r.queue[r.first] = nil
		r.first++
		a.inRound = false
		if a.again {
			a.again = false
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
func (l *loop) walk(a *audience) (done bool) {
	for a.unvisited > 0 && l.budget.spend() {
		a.unvisited--
		a.subscribers[a.unvisited].pump(l)
	}
	return a.unvisited == 0
}

// join adds s at the end of a's slice with its cursor at the stream's tail, so
// a walk that is under way need not visit it.
func (a *audience) join(s *subscriber) {
	s.audience = a
	s.place = int32(len(a.subscribers))
	s.joined = a.stream.Messages()
	a.subscribers = append(a.subscribers, s)
	a.stream.Join(&s.cursor)
}

// leave takes s out: the last one moves into its place.
func (a *audience) leave(s *subscriber) {
	last := len(a.subscribers) - 1
	moved := a.subscribers[last]
	moved.place = s.place
	a.subscribers[s.place] = moved
	a.subscribers[last] = nil
	a.subscribers = a.subscribers[:last]
	a.unvisited = min(a.unvisited, last)
	if s.blocked {
		a.lagging--
	}
	if s.marks&replaying != 0 {
		a.lagging--
	}
	a.stream.Leave(&s.cursor)
}

// rewind lets the stream begin anew if nobody lags in it. It is not asked while
// some have yet to be pumped.
func (a *audience) rewind() {
	if a.lagging == 0 && len(a.subscribers) > 0 {
		a.stream.Rewind()
	}
}

// audienceOf finds the audience of a set, or begins one.
func (l *loop) audienceOf(set nsindex.Set) *audience {
	a, ok := l.index.Find(set)
	if !ok {
		l.audiences++
		a = &audience{set: set, stream: stream.New(&l.pool), number: l.audiences}
		l.index.Attach(set, a)
		l.indexChanged()
	}
	return a
}

// trackMemory notes that a's stream holds memory. A busy stream keeps it from pass to
// pass; releaseIdle takes it from streams that have gone quiet.
func (l *loop) trackMemory(a *audience) {
	a.used = true
	if !a.holdsMemory {
		a.holdsMemory = true
		l.holdingMemory = append(l.holdingMemory, a)
	}
}

// releaseIdle runs once a tick and releases the memory of every stream to which nothing
// was appended since its last run.
func (l *loop) releaseIdle() {
	kept := l.holdingMemory[:0]
	for _, a := range l.holdingMemory {
		if a.used || a.lagging > 0 || a.inRound {
			a.used = false
			kept = append(kept, a)
			continue
		}
		a.stream.Release()
		a.holdsMemory = false
	}
	clear(l.holdingMemory[len(kept):])
	l.holdingMemory = kept
}
