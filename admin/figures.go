package admin

import "github.com/ssed/ssed/loop"

// figures are the fields of loop.Stats, in the same order, with what these pages make of
// them. The tag json is a figure's name in status.json, where statusJSON does not say it;
// gauge or counter is the name of its metric behind "ssed_", and help the help text of
// that.
type figures struct {
	Subscribers        int `json:"subscribers" gauge:"subscribers" help:"Connections that receive a stream."`
	PendingConnections int `json:"pending_connections" gauge:"pending_connections" help:"Connections that have not subscribed yet, or were refused and are closing."`
	Publishers         int `json:"publishers" gauge:"publishers" help:"Connections of publishers."`
	Streams            int `json:"streams" gauge:"streams" help:"Different subscription sets."`
	Blocked            int `json:"blocked" gauge:"blocked_connections" help:"Connections whose socket is full."`
	Backlog            int `json:"backlog_bytes" gauge:"backlog_bytes" help:"Bytes held for subscribers that lag."`

	Published        uint64 `json:"-" counter:"messages_total" help:"Messages accepted from publishers."`
	Newest           uint64 `json:"-"`
	Deliveries       uint64 `json:"deliveries" counter:"deliveries_total" help:"Messages put into streams, times their subscribers."`
	BytesOut         uint64 `json:"bytes_out" counter:"sent_bytes_total" help:"Bytes of events and heartbeats that sockets took."`
	Refused          uint64 `json:"refused" counter:"requests_refused_total" help:"Requests answered with a final status."`
	TurnedAway       uint64 `json:"turned_away" counter:"turned_away_total" help:"Connections that found no place."`
	PublishersClosed uint64 `json:"-" counter:"publishers_closed_total" help:"Publishers closed for not reading their replies."`

	Skips   uint64 `json:"skips" counter:"skips_total" help:"How often a slow subscriber was passed over to the newest message."`
	Skipped uint64 `json:"skipped" counter:"skipped_messages_total" help:"Messages that subscribers were passed over."`

	Kept      int    `json:"-" gauge:"history_messages" help:"Messages kept for those who come back."`
	KeptBytes int    `json:"-" gauge:"history_bytes" help:"Memory for the messages kept."`
	Replays   uint64 `json:"-" counter:"replays_total" help:"Subscribers that were sent something of the history."`
	Replayed  uint64 `json:"-" counter:"replayed_messages_total" help:"Messages that were sent of the history."`
	Gaps      uint64 `json:"-" counter:"gaps_total" help:"Times that a subscriber was told of a gap on coming back."`

	Ended map[string]uint64 `json:"-"` // see disconnects

	Authorizing int `json:"-" gauge:"authorizing" help:"Calls of Authorize that have not returned, in a program that has it."`

	Reports    int    `json:"-" gauge:"reports_waiting" help:"Calls of OnSubscribe and OnUnsubscribe that are to be made, in a program that has them."`
	Unreported uint64 `json:"-" counter:"unreported_subscribers_total" help:"Subscribers that these were not told of."`

	Stopping bool           `json:"-"`
	Passes   loop.Histogram `json:"-"` // see passes
	FanOuts  loop.Histogram `json:"-"` // see fanOuts
}
