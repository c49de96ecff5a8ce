package admin

import (
	"fmt"
	"strings"
	"time"
)

// A Store is what an operator is shown of where messages are kept beyond the daemon.
type Store struct {
	Embedded  bool // it is within the daemon
	Connected bool
	Server    string // which server the connection goes to, without secrets
	Reached   bool   // the stream was found, or made
	Live      bool   // this node has delivered what was there before it, and takes subscribers
	Stream    string
	Epoch     string
	Replicas  int
	Leader    string // empty where there is one server only
	First     uint64 // numbers of the oldest and the newest message
	Last      uint64
	Messages  uint64
	Bytes     uint64

	Delivered     uint64 // number of the newest message that this node has delivered
	Lag           uint64 // messages that it has yet to deliver
	Unanswered    int    // messages of this node's publishers that the stream has not answered
	Refused       uint64 // such messages that it did not take in time, or at all
	Resent        uint64
	Duplicates    uint64
	Undeliverable uint64 // messages in the stream that cannot be delivered
	Reconnects    uint64

	Trouble  string        // what is wrong at the moment; empty: nothing
	Since    time.Time     // when that began
	Patience time.Duration // how long publishers wait before they are refused
}

// storeJSON is a Store in status.json.
type storeJSON struct {
	Embedded      bool   `json:"embedded"`
	Connected     bool   `json:"connected"`
	Server        string `json:"server"`
	Reached       bool   `json:"reached"`
	Live          bool   `json:"live"`
	Stream        string `json:"stream"`
	Epoch         string `json:"epoch"`
	Replicas      int    `json:"replicas"`
	Leader        string `json:"leader"`
	First         uint64 `json:"first"`
	Last          uint64 `json:"last"`
	Messages      uint64 `json:"messages"`
	Bytes         uint64 `json:"bytes"`
	Delivered     uint64 `json:"delivered"`
	Lag           uint64 `json:"lag"`
	Unanswered    int    `json:"unanswered"`
	Refused       uint64 `json:"refused"`
	Resent        uint64 `json:"resent"`
	Duplicates    uint64 `json:"duplicates"`
	Undeliverable uint64 `json:"undeliverable"`
	Reconnects    uint64 `json:"reconnects"`
	Trouble       string `json:"trouble"`
	TroubleSince  int64  `json:"trouble_since"` // seconds since 1970; 0: there is none
	Unfit         string `json:"unfit"`         // why healthz says 503; empty: it does not
}

// store is what status.json tells of the store; nil where there is none.
func (s *Server) store(now time.Time) *storeJSON {
	if s.opts.Store == nil {
		return nil
	}
	is := s.opts.Store()
	told := &storeJSON{
		Embedded:      is.Embedded,
		Connected:     is.Connected,
		Server:        is.Server,
		Reached:       is.Reached,
		Live:          is.Live,
		Stream:        is.Stream,
		Epoch:         is.Epoch,
		Replicas:      is.Replicas,
		Leader:        is.Leader,
		First:         is.First,
		Last:          is.Last,
		Messages:      is.Messages,
		Bytes:         is.Bytes,
		Delivered:     is.Delivered,
		Lag:           is.Lag,
		Unanswered:    is.Unanswered,
		Refused:       is.Refused,
		Resent:        is.Resent,
		Duplicates:    is.Duplicates,
		Undeliverable: is.Undeliverable,
		Reconnects:    is.Reconnects,
		Trouble:       is.Trouble,
	}
	if !is.Since.IsZero() {
		told.TroubleSince = is.Since.Unix()
	}
	told.Unfit, _ = is.Unfit(now)
	return told
}

// Unfit returns why a load balancer should not send clients here, and the cause where
// that is in somebody else's words, which may name servers and addresses. Both are empty
// if nothing speaks against it.
//
// A trouble counts once it has lasted for as long as publishers wait for its end:
// until then nobody was refused anything, and a server that is replaced, or a new
// leader that is sought, is no reason to change sides. A node that lags is as good
// as before; only one that was never there yet would turn its subscribers away.
func (s *Store) Unfit(now time.Time) (why, cause string) {
	switch {
	case !s.Reached && s.Connected:
		return "the stream is not reached", s.Trouble
	case !s.Reached:
		return "the store is not reached", s.Trouble
	case s.Trouble != "" && now.Sub(s.Since) >= s.Patience:
		what := "the stream does not answer"
		if !s.Connected {
			what = "the connection to the store is lost"
		}
		return fmt.Sprintf("%s, since %s (%v)", what, s.Since.UTC().Format("15:04:05 UTC"), now.Sub(s.Since).Round(time.Second)), s.Trouble
	case !s.Live:
		return fmt.Sprintf("this node has yet to deliver %d messages of the store before it takes subscribers", s.Lag), ""
	}
	return "", ""
}

// unfit is what healthz says of the store, in one line; empty: nothing. The cause may
// name servers and addresses, so it is for those who may see the pages.
func (s *Server) unfit(now time.Time, mayKnow bool) string {
	if s.opts.Store == nil {
		return ""
	}
	is := s.opts.Store()
	why, cause := is.Unfit(now)
	if cause != "" && mayKnow {
		why += ": " + strings.Join(strings.Fields(cause), " ")
	}
	return why
}
