package admin

import "github.com/ssed/ssed/loop"

// figures has the fields of loop.Stats, in the same order, so that it can be converted from it. The
// tag json is the name in status.json, unless statusJSON sets it. The tag gauge or counter is the
// name of the metric, after the prefix "ssed_", and the tag help is its help text.
type figures struct {
	Subscribers        int `json:"subscribers" gauge:"subscribers" help:"Connections that receive an event stream."`
	PendingConnections int `json:"pending_connections" gauge:"pending_connections" help:"Connections that have not subscribed yet, or were refused and are closing."`
	Publishers         int `json:"publishers" gauge:"publishers" help:"Connections of publishers."`
	Streams            int `json:"streams" gauge:"streams" help:"Different subscription sets, counted by each event loop. All subscribers of a loop with the same set share one stream."`
	Blocked            int `json:"blocked" gauge:"blocked_connections" help:"Connections whose socket is full, because the client or the network is slow."`
	Backlog            int `json:"backlog_bytes" gauge:"backlog_bytes" help:"Bytes held in memory for subscribers that lag."`

	Published        uint64 `json:"-" counter:"messages_total" help:"Messages accepted from publishers."`
	Newest           uint64 `json:"-"`
	Deliveries       uint64 `json:"deliveries" counter:"deliveries_total" help:"Messages added to streams, counted once for each subscriber of the stream."`
	BytesOut         uint64 `json:"bytes_out" counter:"sent_bytes_total" help:"Bytes of events and heartbeats written to sockets."`
	Refused          uint64 `json:"refused" counter:"requests_refused_total" help:"Requests answered with a final error status."`
	TurnedAway       uint64 `json:"turned_away" counter:"turned_away_total" help:"Connections turned away because of a limit, at startup or during shutdown. Clients retry later."`
	PublishersClosed uint64 `json:"-" counter:"publishers_closed_total" help:"Publishers disconnected because they did not read their replies."`

	Skips   uint64 `json:"skips" counter:"skips_total" help:"How often a slow subscriber skipped to the newest message."`
	Skipped uint64 `json:"skipped" counter:"skipped_messages_total" help:"Messages that slow subscribers did not receive because they skipped them."`

	Kept      int    `json:"-" gauge:"history_messages" help:"Messages kept in memory for subscribers that reconnect."`
	KeptBytes int    `json:"-" gauge:"history_bytes" help:"Bytes of memory used for the kept messages."`
	Replays   uint64 `json:"-" counter:"replays_total" help:"Subscribers that received messages from the history."`
	Replayed  uint64 `json:"-" counter:"replayed_messages_total" help:"Messages sent from the history."`
	Gaps      uint64 `json:"-" counter:"gaps_total" help:"Subscribers that received a gap event when they reconnected."`

	Ended map[string]uint64 `json:"-"` // see disconnects

	Authorizing int `json:"-" gauge:"authorizing" help:"Calls of Authorize that have not returned, in a program that embeds the server."`

	Reports    int    `json:"-" gauge:"reports_waiting" help:"Calls of OnSubscribe and OnUnsubscribe that are waiting or running, in a program that embeds the server."`
	Unreported uint64 `json:"-" counter:"unreported_subscribers_total" help:"Subscribers not reported to OnSubscribe and OnUnsubscribe because too many calls were waiting."`

	Stopping bool           `json:"-"`
	Passes   loop.Histogram `json:"-"` // see passes
	FanOuts  loop.Histogram `json:"-"` // see fanOuts
}
