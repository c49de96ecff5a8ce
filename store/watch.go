package store

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/loop"
)

// watch checks the stream once per watchInterval, and immediately after a reconnect. It returns
// when ctx ends or the stream can no longer be read.
//
// A check finds what the consumer does not report: messages that the stream has dropped or lost,
// and a new stream under the same name.
func (s *Store) watch(ctx context.Context, to loop.StoreSink, stream jetstream.Stream, epoch string, closed <-chan struct{}) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.failed():
			return errStoreFailed
		case <-closed:
			return errors.New("the client stopped reading the stream")
		case <-ticker.C:
		case <-s.again:
		}
		if err := s.checkStream(ctx, to, stream, epoch); err != nil {
			return err
		}
	}
}

// checkStream asks for the stream's state once. It returns an error if the stream was deleted or
// created again, or has lost messages: then a new consumer is needed. If there is no answer, or
// the answering server is cut off, checkStream records the trouble and returns nil: the consumer
// may still work.
func (s *Store) checkStream(ctx context.Context, to loop.StoreSink, stream jetstream.Stream, epoch string) error {
	at := s.deliveredTo.Load() // read before the request, because more may be delivered during it
	asked, cancel := context.WithTimeout(ctx, callTime)
	info, err := stream.Info(asked)
	cancel()
	if err != nil {
		return s.checkFailed(ctx, err)
	}
	switch {
	case s.epochOf(info) != epoch:
		return errRemade
	case !leads(info):
		s.trouble(errCutOff.Error(), "stream not answering; retrying")
		s.noteFailure()
		return nil
	case info.State.LastSeq < at:
		return errWentBack
	}
	s.onInfo(info)
	if first := info.State.FirstSeq; first > 1 {
		return to.Trim(ctx, first-1)
	}
	return nil
}

// checkFailed handles the error of a request for the stream's state. It returns an error if the
// stream was deleted. Otherwise it records the trouble.
func (s *Store) checkFailed(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		s.sender.setPaused(true)
		return errors.New("the stream was deleted")
	case !s.conn.IsConnected(): // disconnected has logged it
	case ctx.Err() == nil:
		s.trouble(s.explained(err).Error(), "stream not answering; retrying")
		s.noteFailure()
	}
	return nil
}

// noteFailure records that a request for the stream has failed. If requests have failed for
// elsewhereAfter, it makes the client connect to another server, because the current one may be
// cut off from the rest of the cluster. Only Serve's goroutine calls it.
func (s *Store) noteFailure() {
	now := time.Now()
	if s.failing.IsZero() {
		s.failing = now
	}
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn == nil || !conn.IsConnected() || len(conn.Servers()) < 2 || now.Sub(s.failing) < elsewhereAfter {
		return
	}
	s.log.Warn("NATS server may be cut off; trying another one", "server", conn.ConnectedServerName())
	if err := conn.ForceReconnect(); err == nil {
		s.failing = time.Time{}
	}
}
