package store

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/internal/storestatus"
)

// Status is the state of a Store and its counters. The fields are documented in
// internal/storestatus/status.go.
type Status = storestatus.Status

// unproven is the trouble after a reconnect, until the stream answers.
const unproven = "reconnected, but the stream has not answered yet"

// Status returns the current state and the counters. It does not wait for NATS.
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
		passed := max(is.Delivered, max(is.First, 1)-1) // messages before the first are deleted
		is.Lag = is.Last - min(is.Last, passed)
	}
	is.Unanswered = s.sender.waiting()
	is.Refused, is.Resent, is.Duplicates = s.sender.refusals.Load(), s.sender.resent.Load(), s.sender.duplicates.Load()
	is.Undeliverable = s.undeliverable.total.Load()
	return is
}

// server returns the name and the URL of the connected server, without secrets. For an embedded
// server it returns the folder. The caller holds mu.
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

// The functions below record the condition of the store in status:
//
//	                   trouble (lost, disconnected, checkStream)
//	available, no trouble ────────────────────────────▶ trouble since a time
//	          ▲                                               │
//	          └───────────── reached, onInfo ─────────────────┘
//
// Each change is logged once, except for unproven. Status.Unfit makes this node unhealthy if the
// trouble lasts.

// reached records that the stream is available, and clears the trouble.
func (s *Store) reached(stream jetstream.Stream, info *jetstream.StreamInfo, epoch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = stream
	s.status.Reached, s.status.Epoch = true, epoch
	setInfo(&s.status, info)
	words := []any{s.place(), "stream", s.status.Stream, "epoch", epoch,
		"first", info.State.FirstSeq, "last", info.State.LastSeq, "messages", info.State.Msgs, "bytes", info.State.Bytes, "replicas", info.Config.Replicas}
	if s.status.Trouble != "" {
		words = append(words, "waited", lasted(&s.status))
	}
	s.log.Info("store available", words...)
	s.status.Trouble, s.status.Since = "", time.Time{}
}

// place returns the log attribute that names the store: the server, or the folder of an embedded
// server. The caller holds mu.
func (s *Store) place() slog.Attr {
	if s.opts.Embedded != nil {
		return slog.String("folder", s.status.Server)
	}
	return slog.String("server", s.status.Server)
}

// lasted returns for how long there has been trouble.
func lasted(s *Status) time.Duration { return time.Since(s.Since).Round(time.Millisecond) }

// onInfo records the state that the stream has reported, and clears the trouble if there is a
// connection. Only Serve's goroutine calls it.
func (s *Store) onInfo(info *jetstream.StreamInfo) {
	s.failing = time.Time{}
	s.raiseNewest(info.State.LastSeq)
	s.mu.Lock()
	defer s.mu.Unlock()
	setInfo(&s.status, info)
	if s.conn.IsConnected() {
		s.clearTrouble()
	}
}

// clearTrouble logs that the store answers again, if there was trouble. The caller holds mu.
func (s *Store) clearTrouble() {
	if s.status.Trouble != "" {
		s.log.Info("store answering again", s.place(), "stream", s.status.Stream,
			"waited", lasted(&s.status))
	}
	s.status.Trouble, s.status.Since = "", time.Time{}
}

// lost records why serveStream has failed. It ignores errors while the connection is lost, because
// disconnected has recorded that already.
func (s *Store) lost(err error) {
	if err == nil || s.isDisconnected() {
		return
	}
	if errors.Is(err, errInterrupted) {
		s.trouble(err.Error(), "reading the store failed; retrying")
		return
	}
	s.trouble(err.Error(), "store unavailable; retrying")
}

// isDisconnected reports whether the connection is lost and disconnected has recorded that.
func (s *Store) isDisconnected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && s.conn.IsReconnecting() && s.status.Trouble != ""
}

// trouble records what is wrong, and logs it with the given message. It logs nothing if the same
// cause is recorded already, or if the message is empty. If there was trouble before, Since keeps
// the time when that began.
func (s *Store) trouble(cause, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Trouble == cause {
		return
	}
	if s.status.Trouble == "" {
		s.status.Since = time.Now()
	}
	s.status.Trouble = cause
	if message != "" {
		s.log.Error(message, "err", cause)
	}
}

// disconnected records that the connection is lost. The NATS client calls it, on its own
// goroutine, and tries to reconnect.
func (s *Store) disconnected(conn *nats.Conn, err error) {
	s.mu.Lock()
	closedByUs := s.conn != conn || s.stopping.Err() != nil
	s.mu.Unlock()
	if closedByUs {
		return
	}
	if err == nil || err == io.EOF {
		err = errors.New("the server closed the connection")
	}
	s.trouble(err.Error(), "store connection lost; reconnecting")
}

// reconnected interrupts the consumer and requests a check of the stream: the new server may not
// be able to reach the stream. The trouble remains until the stream answers. The NATS client
// calls it, on its own goroutine.
func (s *Store) reconnected(conn *nats.Conn) {
	s.sender.reconnected()
	s.mu.Lock()
	if s.interrupt != nil {
		s.interrupt(errReconnected)
	}
	s.status.Server = s.server(conn)
	place := s.place()
	s.mu.Unlock()
	s.log.Info("reconnected to the store", place)
	s.trouble(unproven, "")
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// epochOf returns the epoch of the stream's ids. It depends on when the stream was created. With
// an embedded server it also depends on the generation of the folder.
func (s *Store) epochOf(info *jetstream.StreamInfo) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.embedded == nil {
		return epochOf(info, 0)
	}
	return epochOf(info, s.embedded.generation.Number)
}
