package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/publish"
)

// Serve connects, finds or creates the stream, and delivers its messages to the sink until
// Shutdown. Then it returns nil. While the stream is unavailable Serve retries. It returns an
// error if the embedded store cannot be opened at the start. It also returns an error if the
// settings of an existing stream differ from the options, or if ssed cannot use the stream at all.
//
// Each pass of its loop is one call of serveStream:
//
//	     ┌─────────────────── after an error, and retryPause ────────────────────┐
//	     ▼                                                                       │
//	open the embedded ─▶ connect ─▶ find or create ─▶ sink.Begin ─▶ consume ─────┤
//	server                          the stream                      and watch    │
//	     ▲                                                                       │
//	     └────────────── immediately, after a reconnect ─────────────────────────┘
//
// An error does not close the connection or the embedded server, so the first two steps do
// nothing in the next pass. The exception is an embedded server that has failed: see
// giveUpFailed.
func (s *Store) Serve(to loop.StoreSink) error {
	if !s.begin() {
		return nil
	}
	// The deferred calls run in this order: answer all publishers, stop the sender's
	// goroutines, close the connection and the embedded server, close done.
	defer close(s.done)
	ctx, cancel := context.WithCancel(s.stopping)
	defer cancel()
	defer s.release()
	if err := s.open(); err != nil {
		return err
	}
	close(s.ready)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel() // stops the sender if Serve returns an error
	running.Go(func() { s.sender.run(ctx.Done()) })
	defer s.sender.close()
	for ctx.Err() == nil {
		err := s.serveStream(ctx, to)
		if _, final := errors.AsType[*finalError](err); final {
			return err
		}
		if errors.Is(err, publish.ErrBusy) { // the loop has stopped; Shutdown follows
			<-ctx.Done()
		}
		if ctx.Err() == nil && !errors.Is(err, errReconnected) {
			s.lost(s.explained(err))
			s.noteFailure()
			s.giveUpFailed()
			select {
			case <-ctx.Done():
			case <-time.After(retryPause):
			}
		}
	}
	return nil
}

// A finalError is an error that retrying cannot fix.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// errStoreFailed means that the embedded server could not write to its disk. It stores nothing
// from then on, and must be restarted.
var errStoreFailed = errors.New("cannot write to the store: check whether its disk is full")

// giveUpFailed shuts the embedded server down if it has failed, and closes the connection to it.
// The next serveStream starts a new one.
func (s *Store) giveUpFailed() {
	select {
	case <-s.failed():
	default:
		return
	}
	s.mu.Lock()
	conn, store := s.conn, s.embedded
	s.conn, s.embedded, s.stream = nil, nil, nil
	s.status.Reached = false
	s.mu.Unlock()
	s.sender.detach()
	if conn != nil {
		conn.Close()
	}
	store.shutdown()
}

// failed returns a channel that is closed when the embedded server has failed. It is nil if
// there is no embedded server.
func (s *Store) failed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.embedded == nil {
		return nil
	}
	return s.embedded.failed
}

// open starts the embedded server, if the options ask for one and it does not run.
func (s *Store) open() error {
	if s.opts.Embedded == nil || s.embedded != nil {
		return nil
	}
	store, err := startEmbedded(embeddedOptions{Embedded: *s.opts.Embedded, StoreBytesMax: max(0, s.opts.Stream.MaxBytes), Log: s.log})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.embedded = store
	return nil
}

// serveStream finds or creates the stream and delivers its messages, until an error occurs that
// the connection cannot recover from.
func (s *Store) serveStream(ctx context.Context, to loop.StoreSink) error {
	if err := s.open(); err != nil {
		return err
	}
	if err := s.connect(); err != nil {
		return err
	}
	stream, info, err := s.findStream(ctx)
	if err != nil {
		return err
	}
	epoch := s.epochOf(info)
	if s.embedded != nil {
		if err := shortenCache(s.embedded.server, s.opts.Stream.Name); err != nil {
			s.log.Warn("cannot shorten the store's cache expiry", "err", err)
		}
	}
	s.reached(stream, info, epoch)
	s.sender.setPaused(false)
	from, err := s.startFrom(info, epoch)
	if err != nil {
		return err
	}
	if err := to.Begin(ctx, epoch, from-1); err != nil {
		return err
	}
	return s.consume(ctx, to, stream, epoch, from, info.State.LastSeq)
}

// findStream finds or creates the stream, and asks for its state. It returns errCutOff if the
// server that answers is not the stream's leader, because another server may report old figures.
func (s *Store) findStream(ctx context.Context) (jetstream.Stream, *jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	stream, err := ensureStream(ctx, s.js, s.opts.Stream.config(s.log))
	if errors.Is(err, errStreamDiffers) || errors.Is(err, errStreamUnfit) {
		return nil, nil, &finalError{err}
	}
	if err != nil {
		s.sender.setPaused(true)
		return nil, nil, err
	}
	info, err := stream.Info(ctx)
	if err == nil && !leads(info) {
		err = errCutOff
	}
	return stream, info, err
}

// startFrom returns the sequence of the first message to deliver, and sets deliveredTo to the
// sequence before it. There are three cases:
//
//   - The epoch is new: the daemon has started, or the stream was recreated. The newest
//     Options.Preload messages are read.
//   - The epoch is the same: delivery continues after deliveredTo.
//   - The epoch is the same, but the stream ends before deliveredTo. A server that has not caught
//     up may report that, so startFrom returns an error. After backTimes in a row it accepts
//     that the stream has lost messages. Begin then reports a gap to all subscribers.
func (s *Store) startFrom(info *jetstream.StreamInfo, epoch string) (from uint64, err error) {
	last, at := info.State.LastSeq, s.deliveredTo.Load()
	from = firstOf(info.State, s.opts.Preload)
	if epoch == s.epoch {
		if last < at && !s.wentBack() {
			return 0, fmt.Errorf("the stream's last sequence is %d, but %d was delivered: the NATS server may not have caught up yet", last, at)
		}
		from = min(at, last) + 1
	}
	if epoch != s.epoch || last < at {
		s.newest.Store(last)
	}
	s.epoch, s.back = epoch, 0
	s.raiseNewest(last)
	s.deliveredTo.Store(from - 1)
	return from, nil
}

// release closes the connection and shuts the embedded server down, when Serve returns.
func (s *Store) release() {
	s.mu.Lock()
	conn, store := s.conn, s.embedded
	s.mu.Unlock()
	if conn != nil {
		conn.SetDisconnectErrHandler(nil) // closing is not a failure
		conn.Close()
	}
	if store != nil {
		store.shutdown()
	}
}
