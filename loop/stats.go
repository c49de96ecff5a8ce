package loop

import "context"

// A reason explains why a subscriber's stream ended. Each ended stream has exactly one.
type reason uint8

const (
	reasonLeft     reason = iota // the client closed the connection
	reasonReset                  // the connection broke
	reasonSlow                   // it lagged more than BacklogBytesMax
	reasonStalled                // its socket accepted nothing for StallTimeout
	reasonEvicted                // it had the longest backlog when all backlogs together were too large
	reasonKicked                 // an operator disconnected it, or it kept sending data after its request
	reasonShutdown               // the server shut down
	reasonStore                  // a read of the Store failed, or the Store started a new epoch
	reasonError                  // an error in the server
	reasons
)

// String returns the name of the reason in logs and statistics.
func (r reason) String() string {
	return [reasons]string{"left", "reset", "slow", "stalled", "evicted", "kicked", "shutdown", "store", "error"}[r]
}

// ours reports whether the server ended the stream although the client would have continued.
func (r reason) ours() bool {
	return r != reasonLeft && r != reasonReset && r != reasonShutdown
}

// Stats are counters since the start, and the current state, of a server or of one of its event
// loops. Figures without a remark are sums over the loops.
type Stats struct {
	Subscribers        int // connections that receive a stream
	PendingConnections int // connections that have not subscribed
	Publishers         int // publishers' connections on the loop
	Streams            int // different subscription sets; a set counts for each loop with such subscribers
	Blocked            int // connections whose socket is full
	Backlog            int // bytes that are held for subscribers that lag

	Published        uint64 // messages accepted; of one loop: messages that it has delivered
	Newest           uint64 // number of the newest message; of one loop: of these
	Deliveries       uint64 // matching subscribers, summed over all messages
	BytesOut         uint64 // bytes of frames and heartbeats that sockets accepted
	Refused          uint64 // requests answered with a final status
	TurnedAway       uint64 // connections turned away, most of them with a request to retry later
	PublishersClosed uint64 // publishers closed for unread replies

	Skips   uint64 // how often a slow subscriber was skipped to the newest message
	Skipped uint64 // messages that they missed; a gap event reports their number

	Kept      int    // messages in the history, which all loops share
	KeptBytes int    // memory for them, in bytes, as HistoryBytesMax counts it
	Replays   uint64 // subscribers that got a replay
	Replayed  uint64 // messages sent in replays
	Gaps      uint64 // gaps reported to subscribers, except for skips

	Ended map[string]uint64 // subscribers that disconnected, by reason

	Authorizing int // calls of Authorize that have not returned

	Reports    int    // calls of OnSubscribe and OnUnsubscribe, from all loops, that are queued or in progress
	Unreported uint64 // subscribers that were not reported, because too many calls were pending

	Stopping bool      // Shutdown was called
	Passes   Histogram // how long each turn of the loop spent on writing to subscribers
	FanOuts  Histogram // from a round's first message until every socket with room has the round
}

// tally is the loop's own form of Stats: it counts reasons in an array.
type tally struct {
	Stats
	ended [reasons]uint64
}

// snapshot returns the figures of this moment. It runs on the loop.
func (l *Loop) snapshot() Stats {
	s := l.stats.Stats
	s.Streams, s.Blocked, s.Backlog = l.index.Len(), len(l.blocked), l.backlogBytes()
	s.Newest = l.window.newest
	s.Authorizing = l.authRequests.running
	s.Reports = l.hooks.pending()
	s.Ended = make(map[string]uint64, reasons)
	if l.window.kept != nil {
		if l.window.acquire() {
			s.Kept, s.KeptBytes = l.window.kept.Messages(), l.window.kept.Bytes()
		}
		l.window.release()
	}
	s.Stopping = l.stop.Load() != stopNone
	for why, n := range l.stats.ended {
		s.Ended[reason(why).String()] = n
	}
	return s
}

// SumStats returns the figures of a daemon from the figures of its loops. Figures of the daemon's
// messages are the same for all loops, except that some loops may have yet to deliver the newest
// ones. Such figures are taken from the loop that is furthest ahead.
func SumStats(loops []Stats) (sum Stats) {
	sum.Ended = map[string]uint64{}
	for i := range loops {
		sum.add(&loops[i])
	}
	return sum
}

// add adds the figures of one more loop.
func (s *Stats) add(x *Stats) {
	s.Subscribers += x.Subscribers
	s.PendingConnections += x.PendingConnections
	s.Publishers += x.Publishers
	s.Streams += x.Streams
	s.Blocked += x.Blocked
	s.Backlog += x.Backlog
	s.Published = max(s.Published, x.Published)
	s.Newest = max(s.Newest, x.Newest)
	s.Deliveries += x.Deliveries
	s.BytesOut += x.BytesOut
	s.Refused += x.Refused
	s.TurnedAway += x.TurnedAway
	s.PublishersClosed += x.PublishersClosed
	s.Skips += x.Skips
	s.Skipped += x.Skipped
	s.Kept = max(s.Kept, x.Kept)
	s.KeptBytes = max(s.KeptBytes, x.KeptBytes)
	s.Replays += x.Replays
	s.Replayed += x.Replayed
	s.Gaps += x.Gaps
	for reason, n := range x.Ended {
		s.Ended[reason] += n
	}
	s.Authorizing += x.Authorizing
	s.Reports = max(s.Reports, x.Reports)
	s.Unreported += x.Unreported
	s.Stopping = s.Stopping || x.Stopping
	s.Passes.join(&x.Passes)
	s.FanOuts.join(&x.FanOuts)
}

// LastStats returns the figures of a loop that has stopped: its other methods return ErrStopped.
func (l *Loop) LastStats() Stats { return l.last }

// Stats returns the loop's figures at one moment. The error is the context's, ErrStopped or
// ErrBusy.
func (l *Loop) Stats(ctx context.Context) (Stats, error) {
	return call(ctx, l, (*Loop).snapshot)
}
