package relay

import (
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Status is what an operator asks of a Relay.
type Status struct {
	Embedded  bool   // the store is within this process
	Connected bool   // there is a connection to a server
	Server    string // which it is: its name and URL
	Reached   bool   // the stream was found, or made
	Stream    string
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
	Strange    uint64 // messages of others that cannot be delivered
	Reconnects uint64
	Trouble    string // what is wrong at the moment; empty: nothing
}

// Status tells how things stand.
func (r *Relay) Status() Status {
	r.mu.Lock()
	s := r.status
	if r.conn != nil {
		s.Connected = r.conn.IsConnected()
		s.Reconnects = r.conn.Stats().Reconnects
	}
	r.mu.Unlock()
	s.Embedded = r.opts.Store != nil
	s.Last = max(s.Last, r.newest.Load())
	s.Delivered = r.deliveredTo.Load()
	if s.Reached {
		s.Lag = s.Last - min(s.Last, s.Delivered)
	}
	s.Unanswered = r.sender.waiting()
	s.Refused, s.Resent, s.Duplicates = r.sender.refused.Load(), r.sender.resent.Load(), r.sender.duplicates.Load()
	s.Strange = r.strange.total.Load()
	return s
}

func (s *Status) connected(conn *nats.Conn) {
	s.Server = conn.ConnectedServerName()
	if url := conn.ConnectedUrl(); url != "" {
		s.Server += " " + redacted(url)
	}
	s.Trouble = ""
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
func (r *Relay) reached(stream jetstream.Stream, info *jetstream.StreamInfo, epoch string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stream = stream
	r.status.Reached, r.status.Epoch, r.status.Trouble = true, epoch, ""
	r.status.looked(info)
	r.log.Info("the store is reached", "server", r.status.Server, "stream", r.status.Stream, "epoch", epoch,
		"first", info.State.FirstSeq, "last", info.State.LastSeq, "messages", info.State.Msgs, "bytes", info.State.Bytes, "replicas", info.Config.Replicas)
}

// lost notes why the stream is not to be had. The same trouble is logged once.
func (r *Relay) lost(err error) {
	if err == nil {
		return
	}
	if errors.Is(err, errInterrupted) {
		r.trouble(err.Error(), "the store is not read; subscribers keep their streams, and it is tried again")
		return
	}
	r.trouble(err.Error(), "the store is not reached; publishers wait, and it is tried again")
}

func (r *Relay) trouble(what, message string) {
	r.mu.Lock()
	news := r.status.Trouble != what
	r.status.Trouble = what
	r.mu.Unlock()
	if news {
		r.log.Error(message, "err", what)
	}
}

func (r *Relay) disconnected(err error) {
	select {
	case <-r.stop:
		return
	default:
	}
	if err == nil {
		err = errors.New("the server closed the connection")
	}
	r.trouble(err.Error(), "the connection to the store is lost; subscribers keep their streams, publishers wait, and it is tried again")
}

func (r *Relay) reconnected(conn *nats.Conn) {
	r.sender.reconnected()
	r.mu.Lock()
	if r.interrupt != nil {
		r.interrupt(errReconnected)
	}
	r.status.connected(conn)
	server := r.status.Server
	r.mu.Unlock()
	r.log.Info("connected to the store again", "server", server)
}
