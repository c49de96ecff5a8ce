package store

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/internal/storestatus"
)

// Status is the state of a Store and its counters. Its fields are in
// internal/storestatus/status.go, each with what it means.
type Status = storestatus.Status

// unprovenWords are a trouble that is no error of somebody else's.
const unprovenWords = "connected again, but the stream has not answered yet"

// Status returns the present state and the counters.
func (s *Store) Status() Status {
	s.mu.Lock()
	is := s.status
	if s.conn != nil {
		is.Connected = s.conn.IsConnected()
		is.Reconnects = s.conn.Stats().Reconnects
	}
	s.mu.Unlock()
	is.Embedded, is.Patience = s.opts.Embedded != nil, s.opts.Timeout
	select {
	case <-s.live:
		is.Live = true
	default:
	}
	is.Last = max(is.Last, s.Newest())
	is.Delivered = s.deliveredTo.Load()
	if is.Reached {
		passed := max(is.Delivered, max(is.First, 1)-1) // messages before the first cannot be delivered any more
		is.Lag = is.Last - min(is.Last, passed)
	}
	is.Unanswered = s.sender.waiting()
	is.Refused, is.Resent, is.Duplicates = s.sender.refusals.Load(), s.sender.resent.Load(), s.sender.duplicates.Load()
	is.Undeliverable = s.undeliverable.total.Load()
	return is
}

// server names the server of a connection: by its name and URL, or by the folder of
// one that has no port.
func (s *Store) server(conn *nats.Conn) string {
	if s.embedded != nil {
		return s.embedded.dir
	}
	return strings.TrimSpace(conn.ConnectedServerName() + " " + redacted(conn.ConnectedUrl()))
}

// setInfo sets the figures that the stream reports.
func setInfo(s *Status, info *jetstream.StreamInfo) {
	s.First, s.Last = info.State.FirstSeq, info.State.LastSeq
	s.Messages, s.Bytes = info.State.Msgs, info.State.Bytes
	s.Replicas, s.Seen = info.Config.Replicas, info.TimeStamp
	s.Leader = ""
	if info.Cluster != nil && info.Config.Replicas > 1 {
		s.Leader = info.Cluster.Leader
	}
}

// reached notes that the stream is there.
func (s *Store) reached(stream jetstream.Stream, info *jetstream.StreamInfo, epoch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = stream
	s.status.Reached, s.status.Epoch = true, epoch
	setInfo(&s.status, info)
	words := []any{"server", s.status.Server, "stream", s.status.Stream, "epoch", epoch,
		"first", info.State.FirstSeq, "last", info.State.LastSeq, "messages", info.State.Msgs, "bytes", info.State.Bytes, "replicas", info.Config.Replicas}
	if s.status.Trouble != "" {
		words = append(words, "after", lasted(&s.status))
	}
	s.log.Info("the store is reached", words...)
	s.status.Trouble, s.status.Since = "", time.Time{}
}

// lasted returns how long the trouble has lasted, for the log.
func lasted(s *Status) time.Duration { return time.Since(s.Since).Round(time.Millisecond) }

// onInfo records the state that the stream has reported.
func (s *Store) onInfo(info *jetstream.StreamInfo) {
	s.failing = time.Time{}
	s.expected.Store(0)
	s.raiseNewest(info.State.LastSeq)
	s.mu.Lock()
	defer s.mu.Unlock()
	setInfo(&s.status, info)
	if s.conn.IsConnected() {
		s.wellAgain()
	}
}

// wellAgain ends a trouble. The caller holds mu.
func (s *Store) wellAgain() {
	if s.status.Trouble != "" {
		s.log.Info("the store answers again", "server", s.status.Server, "stream", s.status.Stream,
			"after", lasted(&s.status))
	}
	s.status.Trouble, s.status.Since = "", time.Time{}
}

// lost notes why the stream is not to be had.
func (s *Store) lost(err error) {
	if err == nil || s.isAway() {
		return
	}
	if errors.Is(err, errInterrupted) {
		s.trouble(err.Error(), "the store is not read; subscribers keep their streams, and it is tried again")
		return
	}
	s.trouble(err.Error(), "the store is not reached; publishers wait, and are told ERR busy after --nats-timeout; it is tried again")
}

// isAway tells whether there is no connection at the moment, which was told already.
func (s *Store) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && s.conn.IsReconnecting() && s.status.Trouble != ""
}

// trouble notes what is wrong, and since when. The same trouble is logged once.
func (s *Store) trouble(what, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Trouble == what {
		return
	}
	if s.status.Trouble == "" {
		s.status.Since = time.Now()
	}
	s.status.Trouble = what
	if message != "" {
		s.log.Error(message, "err", what)
	}
}

func (s *Store) disconnected(conn *nats.Conn, err error) {
	s.mu.Lock()
	ours := s.conn != conn || s.stopping.Err() != nil
	s.mu.Unlock()
	if ours { // we have closed it
		return
	}
	if err == nil || err == io.EOF {
		err = errors.New("the server closed it")
	}
	s.trouble(err.Error(), "the connection to the store is lost; subscribers keep their streams, publishers wait, and are told ERR busy after --nats-timeout; it is tried again")
}

// reconnected has the stream looked at: that a server is there does not mean that
// its stream is.
func (s *Store) reconnected(conn *nats.Conn) {
	s.sender.reconnected()
	s.mu.Lock()
	if s.interrupt != nil {
		s.interrupt(errReconnected)
	}
	s.status.Server = s.server(conn)
	server := s.status.Server
	s.mu.Unlock()
	s.log.Info("connected to the store again", "server", server)
	s.trouble(unprovenWords, "")
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// epochOf returns the epoch of the stream's ids. It depends on the stream and, with an
// embedded server, on the generation of its folder.
func (s *Store) epochOf(info *jetstream.StreamInfo) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.embedded == nil {
		return epochOf(info, 0)
	}
	return epochOf(info, s.embedded.generation.Number)
}
