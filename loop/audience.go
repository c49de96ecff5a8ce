package loop

import (
	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/nsindex"
)

// An audience is all connections with the same subscription set. It holds the stream that they
// share, and a dense slice of them that a pass walks. Each subscriber knows its index in the slice,
// so removing it needs no search.
//
// While the audience is in a round, unvisited divides the slice. The walk goes from the end to the
// start, so that removing a subscriber inside the walk is safe: see leave.
//
//	subscribers: [ not pumped yet │ pumped in this walk, or joined since ]
//	              0                unvisited                          len
type audience struct {
	set         nsindex.Set
	number      uint64 // unique among all audiences that ever existed
	stream      *stream.Stream
	subscribers []*subscriber
	lagging     int  // how many subscribers wait for their socket or replay
	unvisited   int  // subscribers from this index on have been pumped
	inRound     bool // it is in the round's queue
	walkAgain   bool // something was appended after its walk began
	active      bool // something was appended since the last releaseIdle
	holdsMemory bool // it is in fanout.holdingMemory
}

// join adds s at the end of the slice, with its cursor at the end of the stream. A walk in progress
// need not visit it.
func (a *audience) join(s *subscriber) {
	s.audience = a
	s.place = int32(len(a.subscribers))
	s.deliveredBase = a.stream.Messages()
	a.subscribers = append(a.subscribers, s)
	a.stream.Join(&s.cursor)
}

// leave removes s by moving the last subscriber into its place. If that place was already visited,
// so was the last subscriber. If not, the last one may be pumped twice, but none is skipped.
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

// rewind makes the memory of the stream reusable if no subscriber lags. Do not call it while
// subscribers have yet to be pumped.
func (a *audience) rewind() {
	if a.lagging == 0 && len(a.subscribers) > 0 {
		a.stream.Rewind()
	}
}
