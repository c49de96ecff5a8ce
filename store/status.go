package store

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Status is what an operator asks of a Store.
type Status struct {
	Embedded  bool   // the store is within this process
	Connected bool   // there is a connection to a server
	Server    string // which it is: its name and URL; of an embedded one, its folder
	Reached   bool   // the stream was found, or made
	Stream    string
	Live      bool   // all that was in it before is delivered: the loop takes subscribers
	Epoch     string // of the ids
	Replicas  int
	Leader    string // the stream's leader; empty where it has one server only
	First     uint64 // numbers of the oldest and the newest message in the stream
	Last      uint64
	Messages  uint64
	Bytes     uint64
	Seen      time.Time // when the stream was looked at

	Delivered  uint64 // number of the newest message that was handed to the loop
	Lag        uint64 // how many messages of the stream that is behind
	Unanswered int    // messages on their way to the stream
	Refused    uint64 // publishers' messages that the stream did not take in time
	Resent     uint64 // messages that were sent again
	Duplicates uint64 // messages that the stream had already, by their key
	Strange    uint64 // messages in the stream that cannot be delivered
	Reconnects uint64
	Trouble    string    // what is wrong at the moment; empty: nothing
	Since      time.Time // when that began
}

// unprovenWords are a trouble that is no error of somebody else's.
const unprovenWords = "connected again, but the stream has not answered yet"

// Status tells how things stand.
func (r *Store) Status() Status {
	r.mu.Lock()
	s := r.status
	if r.conn != nil {
		s.Connected = r.conn.IsConnected()
		s.Reconnects = r.conn.Stats().Reconnects
	}
	r.mu.Unlock()
	s.Embedded = r.opts.Embedded != nil
	select {
	case <-r.live:
		s.Live = true
	default:
	}
	s.Last = max(s.Last, r.Newest())
	s.Delivered = r.deliveredTo.Load()
	if s.Reached {
		passed := max(s.Delivered, max(s.First, 1)-1) // what is before the first cannot be delivered any more
		s.Lag = s.Last - min(s.Last, passed)
	}
	s.Unanswered = r.sender.waiting()
	s.Refused, s.Resent, s.Duplicates = r.sender.refused.Load(), r.sender.resent.Load(), r.sender.duplicates.Load()
	s.Strange = r.strange.total.Load()
	return s
}

// server names the server of a connection: by its name and URL, or by the folder of
// one that has no port.
func (r *Store) server(conn *nats.Conn) string {
	if r.embedded != nil {
		return r.embedded.dir
	}
	return strings.TrimSpace(conn.ConnectedServerName() + " " + redacted(conn.ConnectedUrl()))
}

func (s *Status) looked(info *jetstream.StreamInfo) {
	s.First, s.Last = info.State.FirstSeq, info.State.LastSeq
	s.Messages, s.Bytes = info.State.Msgs, info.State.Bytes
	s.Replicas, s.Seen = info.Config.Replicas, info.TimeStamp
	s.Leader = ""
	if info.Cluster != nil && info.Config.Replicas > 1 {
		s.Leader = info.Cluster.Leader
	}
}

// reached notes that the stream is there.
func (r *Store) reached(stream jetstream.Stream, info *jetstream.StreamInfo, epoch string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stream = stream
	r.status.Reached, r.status.Epoch = true, epoch
	r.status.looked(info)
	words := []any{"server", r.status.Server, "stream", r.status.Stream, "epoch", epoch,
		"first", info.State.FirstSeq, "last", info.State.LastSeq, "messages", info.State.Msgs, "bytes", info.State.Bytes, "replicas", info.Config.Replicas}
	if r.status.Trouble != "" {
		words = append(words, "after", r.status.lasted())
	}
	r.log.Info("the store is reached", words...)
	r.status.Trouble, r.status.Since = "", time.Time{}
}

// lasted is how long a trouble has lasted, for the log.
func (s *Status) lasted() time.Duration { return time.Since(s.Since).Round(time.Millisecond) }

// looked notes what the stream has answered.
func (r *Store) looked(info *jetstream.StreamInfo) {
	r.failing = time.Time{}
	r.expected.Store(0)
	r.saw(info.State.LastSeq)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.looked(info)
	if r.conn.IsConnected() {
		r.wellAgain()
	}
}

// wellAgain ends a trouble. The caller holds mu.
func (r *Store) wellAgain() {
	if r.status.Trouble != "" {
		r.log.Info("the store answers again", "server", r.status.Server, "stream", r.status.Stream,
			"after", r.status.lasted())
	}
	r.status.Trouble, r.status.Since = "", time.Time{}
}

// lost notes why the stream is not to be had.
func (r *Store) lost(err error) {
	if err == nil || r.isAway() {
		return
	}
	if errors.Is(err, errInterrupted) {
		r.trouble(err.Error(), "the store is not read; subscribers keep their streams, and it is tried again")
		return
	}
	r.trouble(err.Error(), "the store is not reached; publishers wait, and are told ERR busy after --nats-timeout; it is tried again")
}

// isAway tells whether there is no connection at the moment, which was told already.
func (r *Store) isAway() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn != nil && r.conn.IsReconnecting() && r.status.Trouble != ""
}

// trouble notes what is wrong, and since when. The same trouble is logged once.
func (r *Store) trouble(what, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Trouble == what {
		return
	}
	if r.status.Trouble == "" {
		r.status.Since = time.Now()
	}
	r.status.Trouble = what
	if message != "" {
		r.log.Error(message, "err", what)
	}
}

func (r *Store) disconnected(conn *nats.Conn, err error) {
	r.mu.Lock()
	ours := r.conn != conn
	r.mu.Unlock()
	select {
	case <-r.stop:
		ours = true
	default:
	}
	if ours { // we have closed it
		return
	}
	if err == nil || err == io.EOF {
		err = errors.New("the server closed it")
	}
	r.trouble(err.Error(), "the connection to the store is lost; subscribers keep their streams, publishers wait, and are told ERR busy after --nats-timeout; it is tried again")
}

// reconnected has the stream looked at: that a server is there does not mean that
// its stream is.
func (r *Store) reconnected(conn *nats.Conn) {
	r.sender.reconnected()
	r.mu.Lock()
	if r.interrupt != nil {
		r.interrupt(errReconnected)
	}
	r.status.Server = r.server(conn)
	server := r.status.Server
	r.mu.Unlock()
	r.log.Info("connected to the store again", "server", server)
	r.trouble(unprovenWords, "")
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// epochOf is the epoch of the stream's ids: of the stream and, where the store is our
// own, of its life.
func (r *Store) epochOf(info *jetstream.StreamInfo) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.embedded == nil {
		return epochOf(info, 0)
	}
	return epochOf(info, r.embedded.life.Number)
}
