package loop

import "context"

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

// Stats is what a server has counted since it began, and what it holds now.
type Stats struct {
	Subscribers        int // connections that receive a stream
	PendingConnections int // connections that have not subscribed
	Publishers         int // publishers' connections on the loop
	Streams            int // different subscription sets
	Blocked            int // connections whose socket is full
	Backlog            int // bytes that all streams hold for those who lag

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

func (l *Loop) snapshot() Stats {
	s := l.stats.Stats
	s.Streams, s.Blocked, s.Backlog = l.index.Len(), len(l.blocked), l.backlogBytes()
	s.Newest = l.window.newest
	s.Authorizing = l.authRequests.running
	s.Reports = l.hooks.pending()
	s.Ended = make(map[string]uint64, reasons)
	if l.window.kept != nil {
		s.Kept, s.KeptBytes = l.window.kept.Messages(), l.window.kept.Bytes()
	}
	s.Stopping = l.stop.Load() != stopNone
	for why, n := range l.stats.ended {
		s.Ended[reason(why).String()] = n
	}
	return s
}

// Stats returns the server's figures as they are on the loop at one moment. The
// error is the context's, ErrStopped or ErrBusy.
func (l *Loop) Stats(ctx context.Context) (Stats, error) {
	return call(ctx, l, (*Loop).snapshot)
}
