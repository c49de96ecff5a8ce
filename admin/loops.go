package admin

import "github.com/ssed/ssed/loop"

// loopFigures are the figures of one event loop. The tags have the same meaning as those of
// figures; the prefix of the metrics is "ssed_loop_".
type loopFigures struct {
	Loop               int    `json:"loop"` // its number, from 0
	Subscribers        int    `json:"subscribers" gauge:"subscribers" help:"Subscribers of this event loop."`
	PendingConnections int    `json:"pending_connections" gauge:"pending_connections" help:"Connections of this event loop that have not subscribed yet, or were refused and are closing."`
	Streams            int    `json:"streams"`
	Blocked            int    `json:"blocked" gauge:"blocked_connections" help:"Connections of this event loop whose socket is full."`
	Backlog            int    `json:"backlog_bytes" gauge:"backlog_bytes" help:"Bytes held in memory for subscribers of this event loop that lag."`
	Deliveries         uint64 `json:"deliveries" counter:"deliveries_total" help:"Messages added to streams of this event loop, counted once for each subscriber of the stream."`
	BytesOut           uint64 `json:"bytes_out" counter:"sent_bytes_total" help:"Bytes of events and heartbeats that this event loop has written to sockets."`
	Newest             uint64 `json:"newest" gauge:"newest_sequence" help:"Number of the newest message that this event loop has delivered."`
}

// figuresOf returns the figures of the loop with a number.
func figuresOf(number int, stats *loop.Stats) loopFigures {
	return loopFigures{
		Loop:               number,
		Subscribers:        stats.Subscribers,
		PendingConnections: stats.PendingConnections,
		Streams:            stats.Streams,
		Blocked:            stats.Blocked,
		Backlog:            stats.Backlog,
		Deliveries:         stats.Deliveries,
		BytesOut:           stats.BytesOut,
		Newest:             stats.Newest,
	}
}

// loopsOf returns the figures of each loop, in the order of their numbers.
func loopsOf(loops []loop.Stats) []loopFigures {
	all := make([]loopFigures, len(loops))
	for i := range loops {
		all[i] = figuresOf(i, &loops[i])
	}
	return all
}
