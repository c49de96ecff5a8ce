package loop

import (
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
	walkAgain   bool // something was appended after its walk had begun
	active      bool // something was appended since the last releaseIdle
	holdsMemory bool // it stands in fanout.holdingMemory
}

// join adds s at the end of a's slice with its cursor at the stream's tail, so
// a walk that is under way need not visit it.
func (a *audience) join(s *subscriber) {
	s.audience = a
	s.place = int32(len(a.subscribers))
	s.deliveredBase = a.stream.Messages()
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
