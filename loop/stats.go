package loop

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A reason says why a subscriber's stream ended. Each end has exactly one.
type reason uint8

const (
	reasonLeft     reason = iota // it closed the connection
	reasonReset                  // the connection broke
	reasonSlow                   // it lagged too far behind
	reasonStalled                // it takes nothing any more
	reasonEvicted                // all backlogs together were too much, and its was the longest
	reasonKicked                 // it was thrown out: by an operator, or for going on to send after its request
	reasonShutdown               // the server ended
	reasonStore                  // what it missed could not be read from the Store, or its numbers mean something else now
	reasonError                  // a fault of ours
	reasons
)

// String is the reason's word in logs and statistics.
func (r reason) String() string {
	return [reasons]string{"left", "reset", "slow", "stalled", "evicted", "kicked", "shutdown", "store", "error"}[r]
}

// ours tells whether the subscriber would have gone on.
func (r reason) ours() bool {
	return r != reasonLeft && r != reasonReset && r != reasonShutdown
}

// Stats is what a Server has counted since it began, and what it holds now.
type Stats struct {
	Subscribers int // connections that receive a stream
	Visitors    int // connections that have not subscribed
	Publishers  int // publishers' connections on the loop
	Streams     int // different subscription sets
	Blocked     int // connections whose socket is full
	Backlog     int // bytes that all streams hold for those who lag

	Published        uint64 // messages accepted
	Newest           uint64 // number of the newest of them
	Deliveries       uint64 // messages put into streams, times those who read them
	BytesOut         uint64 // bytes of frames and heartbeats that sockets took
	Refused          uint64 // requests answered with a final status
	TurnedAway       uint64 // requests asked to come back later
	PublishersClosed uint64 // publishers closed for not reading replies

	Skips   uint64 // how often a slow subscriber was passed over to the newest message
	Skipped uint64 // messages that these did not get, and were told of

	Kept      int    // messages in the history
	KeptBytes int    // of memory for them, as HistoryBytesMax counts it
	Replays   uint64 // subscribers that were sent something of the history
	Replayed  uint64 // messages that they got of it
	Gaps      uint64 // subscribers that came back and were told of a gap

	Ended map[string]uint64 // subscribers that ended, by reason

	Authorizing int // calls of Authorize that have not returned

	Reports    int    // calls of OnSubscribe and OnUnsubscribe that are to be made, or have not returned
	Unreported uint64 // subscribers that these were not told of, because too many reports waited

	Stopping bool      // Shutdown was called
	Passes   Histogram // how long each turn of the loop spent on writing to subscribers
	FanOuts  Histogram // from the first message of a round to when all who could take the round had it
}

// tally is Stats as the loop keeps it.
type tally struct {
	Stats
	ended [reasons]uint64
}

func (l *loop) snapshot() Stats {
	s := l.stats.Stats
	s.Streams, s.Blocked, s.Backlog = l.index.Len(), len(l.blocked), l.retained()
	s.Newest = l.newest
	s.Authorizing = l.petitions.running
	s.Reports = l.hooks.waits()
	s.Ended = make(map[string]uint64, reasons)
	if l.history != nil {
		s.Kept, s.KeptBytes = l.history.Messages(), l.history.Bytes()
	}
	s.Stopping = l.stop.Load() != stopNot
	for why, n := range l.stats.ended {
		s.Ended[reason(why).String()] = n
	}
	return s
}

// Stats returns the server's figures as they are on the loop at one moment. The
// error is the context's, or ErrStopped.
func (s *Server) Stats(ctx context.Context) (Stats, error) {
	return ask(ctx, s, (*loop).snapshot)
}

// ErrStopped is returned once a Server has ended.
var ErrStopped = errors.New("loop: the server has stopped")

// ErrBusy is returned when too many questions wait for the loop's answer.
var ErrBusy = errors.New("loop: too many questions wait for an answer, try again later")

// ask runs a question on the loop and waits for its answer.
func ask[T any](ctx context.Context, s *Server, question func(*loop) T) (answer T, err error) {
	select {
	case <-s.done:
		return answer, ErrStopped // nobody empties the queue any more
	default:
	}
	answered := make(chan T, 1)
	if !s.loop.calls.add(func(l *loop) { answered <- question(l) }) {
		return answer, ErrBusy
	}
	s.loop.bell.ring()
	select {
	case answer = <-answered:
		return answer, nil
	case <-ctx.Done():
		return answer, ctx.Err()
	case <-s.done:
		return answer, ErrStopped
	}
}

// requests are functions that other goroutines want run on the loop. They are
// for questions; messages go through the mailbox.
type requests struct {
	mu      sync.Mutex
	waiting []func(*loop)
}

// requestsMax bounds how many questions wait for an answer.
const requestsMax = 1024

func (r *requests) add(f func(*loop)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= requestsMax {
		return false
	}
	r.waiting = append(r.waiting, f)
	return true
}

// answerTime is how long questions may hold up one turn of the loop.
const answerTime = time.Millisecond

// run answers what there is time for. The rest waits for the next turn, for which
// it rings.
func (r *requests) run(l *loop) {
	r.mu.Lock()
	waiting := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	for begin := time.Now(); len(waiting) > 0 && time.Since(begin) < answerTime/2; waiting = waiting[1:] {
		waiting[0](l)
	}
	if len(waiting) > 0 {
		r.mu.Lock()
		r.waiting = append(waiting, r.waiting...)
		r.mu.Unlock()
		l.bell.ring()
	}
}
