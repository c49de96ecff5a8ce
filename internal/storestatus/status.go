package storestatus

import (
	"fmt"
	"time"
)

// A Status is the state of a store and its counters, as operators see them. The tag json is the
// name of a value in status.json. The tag gauge or counter is the name of its metric, after the
// prefix "ssed_store_", and the tag help is the metric's help text. The metric of a bool or a
// string is 1 if the value is true or not empty, and 0 otherwise.
type Status struct {
	Embedded  bool   `json:"embedded"` // the NATS server runs in this process
	Connected bool   `json:"connected" gauge:"connected" help:"1 while there is a connection to the store, otherwise 0."`
	Server    string `json:"server"` // name and URL of the connected server, without secrets; of an embedded server, its folder
	Reached   bool   `json:"reached" gauge:"reached" help:"1 once the stream was found or created, otherwise 0."`
	Live      bool   `json:"live" gauge:"live" help:"1 once this node has delivered the messages stored before its start and accepts subscribers, otherwise 0."`
	Stream    string `json:"stream"`
	Epoch     string `json:"epoch"` // of the ids
	Replicas  int    `json:"replicas"`
	Leader    string `json:"leader"` // the stream's leader; empty if the stream has one replica
	First     uint64 `json:"first" gauge:"first_sequence" help:"Number of the oldest message in the stream."`
	Last      uint64 `json:"last" gauge:"last_sequence" help:"Number of the newest message in the stream."`
	Messages  uint64 `json:"messages" gauge:"messages" help:"Messages in the stream."`
	Bytes     uint64 `json:"bytes" gauge:"bytes" help:"Bytes of the messages in the stream."`

	Delivered     uint64 `json:"delivered" gauge:"delivered_sequence" help:"Number of the newest message that this node has delivered."`
	Lag           uint64 `json:"lag" gauge:"lag_messages" help:"Messages of the stream that this node has not delivered yet."`
	Unanswered    int    `json:"unanswered" gauge:"unanswered_messages" help:"Messages of this node's publishers that the stream has not acknowledged yet."`
	Refused       uint64 `json:"refused" counter:"refused_total" help:"Messages of this node's publishers that the stream did not accept, or not in time."`
	Resent        uint64 `json:"resent" counter:"resent_total" help:"Messages that were sent to the stream more than once."`
	Duplicates    uint64 `json:"duplicates" counter:"duplicates_total" help:"Messages whose key was already in the stream."`
	Undeliverable uint64 `json:"undeliverable" counter:"undeliverable_total" help:"Messages in the stream that cannot be delivered."`
	Reconnects    uint64 `json:"reconnects" counter:"reconnects_total" help:"How often the connection to the store was lost and restored."`

	// Trouble describes the current problem. It is empty if everything works.
	Trouble string `json:"trouble" gauge:"trouble" help:"1 while something is wrong with the store, otherwise 0."`

	Since    time.Time     `json:"-"` // start of the current Trouble
	Patience time.Duration `json:"-"` // how long publishers wait before they get an error
	Seen     time.Time     `json:"-"` // when the stream last reported its state
}

// Unfit returns the reason why a load balancer should not send clients to this node, and its cause.
// The cause is an error text of another program, and may contain names of servers and addresses.
// Both are empty if the node is fit.
//
// Trouble makes a node unfit only after it has lasted for Patience. Until then no publisher was
// refused, and clients need not move because a server restarts or a leader is elected. A node that
// lags stays fit. A node that is not live is unfit, because it would refuse its subscribers.
func (s *Status) Unfit(now time.Time) (why, cause string) {
	switch {
	case !s.Reached && s.Connected:
		return "the stream is unavailable", s.Trouble
	case !s.Reached:
		return "the store is unavailable", s.Trouble
	case s.Trouble != "" && now.Sub(s.Since) >= s.Patience:
		what := "the stream does not answer"
		if !s.Connected {
			what = "the connection to the store is lost"
		}
		return fmt.Sprintf("%s, since %s (%v)", what, s.Since.UTC().Format("15:04:05 UTC"), now.Sub(s.Since).Round(time.Second)), s.Trouble
	case !s.Live:
		return fmt.Sprintf("this node must deliver %d more stored messages before it accepts subscribers", s.Lag), ""
	}
	return "", ""
}
