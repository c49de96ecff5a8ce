package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// How much of the stream is asked for at once: enough to keep the connection busy.
const (
	pullMessages = 4096
	pullBytes    = 8 << 20
	// pullOverhead is what a message has beside its payload: its subjects, above all.
	pullOverhead = 64 << 10
)

// pullHeartbeat is how often a server says that it has nothing new. Without a word for
// twice as long it is gone, or has forgotten the consumer, and another one is made;
// until then subscribers wait.
const pullHeartbeat = time.Second

var (
	errWentBack = errors.New("the stream has less than was delivered of it")
	errRemade   = errors.New("the stream was deleted, and made anew")
	// errReconnected ends a consumer whose last messages may have gone the way of the
	// connection.
	errReconnected = errors.New("the connection was lost for a while")
	// errInterrupted marks why a stream that was reached is not read any more.
	errInterrupted = errors.New("reading the stream was interrupted")
)

// consume delivers what is in the stream, from a number on, until something breaks:
// a consumer lives in the memory of one server, and whoever has lost one begins again
// behind the last message that was delivered. So numbers only ever rise here. At
// caughtUp everything is delivered that was there before the server.
//
// The library's own ordered consumer does so, too, but waits up to half a minute to
// see that its server is gone, and for its successor up to ten seconds at a time.
func (s *Store) consume(ctx context.Context, to loop.StoreSink, stream jetstream.Stream, epoch string, from, caughtUp uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &delivery{store: s, to: to, stream: stream, ctx: ctx, cancel: cancel, caughtUp: caughtUp}
	defer d.end()
	s.mu.Lock()
	s.interrupt = cancel
	s.mu.Unlock()
	asked, answered := context.WithTimeout(ctx, streamPatience)
	defer answered()
	consumer, err := stream.CreateConsumer(asked, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       from,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: readIdle,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errInterrupted, err)
	}
	d.checkLive(consumer.CachedInfo().NumPending)
	consuming, err := consumer.Consume(d.take,
		jetstream.PullMaxMessagesWithBytesLimit(pullMessages, s.pullBytes()),
		jetstream.PullHeartbeat(pullHeartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			cancel(fmt.Errorf("%w: %w", errInterrupted, err))
		}))
	if err != nil {
		return fmt.Errorf("%w: %w", errInterrupted, err)
	}
	defer consuming.Stop()
	s.failing = time.Time{}
	return s.watch(ctx, to, stream, epoch, consuming.Closed())
}

// wentBack tells whether the stream has had less than was delivered often enough.
func (s *Store) wentBack() bool {
	s.back++
	return s.back >= backTimes
}

// pullBytes is how much is asked for at once. It is no less than the longest message:
// one that is longer than what is asked for would never come, nor any behind it.
func (s *Store) pullBytes() int { return max(pullBytes, int(s.conn.MaxPayload())+pullOverhead) }

// firstOf is the number of the first message to be read at the start.
func firstOf(state jetstream.StreamState, preload int) uint64 {
	from := state.LastSeq + 1
	from -= min(from-1, uint64(max(0, preload)))
	return max(from, state.FirstSeq, 1)
}

// A delivery is what one consumer sends.
type delivery struct {
	store    *Store
	to       loop.StoreSink
	stream   jetstream.Stream
	ctx      context.Context
	cancel   context.CancelCauseFunc
	caughtUp uint64
	live     bool

	mu    sync.Mutex // held while a message is handed over
	count uint64
}

// end returns when nothing is handed over any more.
func (d *delivery) end() {
	d.cancel(nil)
	d.mu.Lock()
	defer d.mu.Unlock()
}

// take hands over one message. The consumer counts what it sends, and does not send
// it again: one that is missing ends it.
func (d *delivery) take(m jetstream.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return
	}
	meta, err := m.Metadata()
	if err != nil {
		d.cancel(err)
		return
	}
	if d.count++; meta.Sequence.Consumer != d.count {
		d.cancel(fmt.Errorf("%w: a message was lost on its way", errInterrupted))
		return
	}
	seq := meta.Sequence.Stream
	d.store.raiseNewest(seq)
	if err := d.store.deliver(d.ctx, d.to, m, seq); err != nil {
		d.cancel(err)
		return
	}
	d.store.expected.Store(seq + meta.NumPending)
	d.store.deliveredTo.Store(seq)
	d.checkLive(meta.NumPending)
}

// checkLive calls Live once everything that was stored before startup is delivered.
// pending is what the consumer still has to send.
func (d *delivery) checkLive(pending uint64) {
	if d.live || pending > 0 && d.store.deliveredTo.Load() < d.caughtUp {
		return
	}
	if err := d.passDeleted(); err != nil {
		d.cancel(err)
		return
	}
	if d.store.deliveredTo.Load() >= d.caughtUp {
		d.goLive()
	}
}

// passDeleted passes over what was there before and does not come: it is deleted, or
// the server that was asked lags. The stream's leader knows.
func (d *delivery) passDeleted() error {
	s := d.store
	at := s.deliveredTo.Load()
	if at >= d.caughtUp {
		return nil
	}
	reader := streamReader{store: s, js: s.js, stream: d.stream, filters: subjectsOf(s.opts.Stream.Name)}
	if more, err := reader.hasMore(d.ctx, at, d.caughtUp); more || err != nil {
		return err
	}
	if err := errors.Join(d.to.Skip(d.ctx, d.caughtUp), d.to.Trim(d.ctx, d.caughtUp)); err != nil {
		return err
	}
	s.deliveredTo.Store(d.caughtUp)
	return nil
}

// goLive tells that what was there before is delivered.
func (d *delivery) goLive() {
	d.live = true
	if err := d.to.Live(d.ctx); err != nil {
		d.cancel(err)
		return
	}
	s := d.store
	s.liveOnce.Do(func() {
		close(s.live)
		s.log.Info("what the store had is delivered; subscribers are taken from now on", "delivered", s.deliveredTo.Load())
	})
}

// deliver hands one message of the stream to the loop.
func (s *Store) deliver(ctx context.Context, to loop.StoreSink, m jetstream.Msg, seq uint64) error {
	namespace, event, err := s.unpack(m)
	if err != nil {
		s.undeliverable.count(seq, m.Subject(), err)
		return to.Skip(ctx, seq)
	}
	return to.Deliver(ctx, seq, namespace, event, m.Data())
}

// unpack returns the namespace and the event of a message in the stream. The error
// says why it cannot be delivered: other programs publish to the stream, too, and a
// message that was stored under an earlier configuration may not fit the present one.
func (s *Store) unpack(m jetstream.Msg) (namespace, event []byte, err error) {
	if namespace, err = appendNamespace(nil, s.opts.Stream.Name, []byte(m.Subject())); err != nil {
		return nil, nil, err
	}
	name, err := eventOf(m.Headers())
	if err != nil {
		return nil, nil, err
	}
	event = []byte(name)
	if err := s.opts.Reserved.Check(event); err != nil {
		return nil, nil, fmt.Errorf("header %s: %w", eventHeader, err)
	}
	return namespace, event, sse.CheckData(m.Data(), s.opts.DataBytesMax)
}

// watch checks the stream once per watchInterval, and at once after a reconnect, until ctx
// ends or the stream can no longer be read.
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

// checkStream asks for the stream's state once. The error says why the stream cannot be
// read as before: it is deleted, another one, or has lost messages. If nobody answers for
// it, or its server is cut off, checkStream records the trouble and returns nil.
func (s *Store) checkStream(ctx context.Context, to loop.StoreSink, stream jetstream.Stream, epoch string) error {
	at := s.deliveredTo.Load() // before the question: more may be delivered meanwhile
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
		s.trouble(errCutOff.Error(), "the store does not answer")
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

// checkFailed handles the error of a question for the stream's state. It returns an error
// if the stream is deleted.
func (s *Store) checkFailed(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		s.sender.setPaused(true)
		return errors.New("the stream was deleted")
	case !s.conn.IsConnected(): // disconnected has logged it
	case ctx.Err() == nil:
		s.trouble(s.explained(err).Error(), "the stream does not answer; publishers wait, and are told ERR busy after --nats-timeout; it is asked again")
		s.noteFailure()
	}
	return nil
}

// noteFailure notes that the stream could not be asked, and goes to another server when
// that has lasted: the one that we are connected to may be cut off from the others. It
// is for Serve's goroutine.
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
	s.log.Warn("the server does not answer for the stream, and may be cut off; another one is tried", "server", conn.ConnectedServerName())
	if err := conn.ForceReconnect(); err == nil {
		s.failing = time.Time{}
	}
}

// undeliverable counts messages in the stream that cannot be delivered: see Store.unpack.
type undeliverable struct {
	log    *slog.Logger
	total  atomic.Uint64
	logged atomic.Int64 // when a line was written last, in nanoseconds
}

// count notes one, and logs it unless another was logged within a second.
func (u *undeliverable) count(seq uint64, subject string, err error) {
	total := u.total.Add(1)
	now, last := time.Now().UnixNano(), u.logged.Load()
	if now-last < int64(time.Second) || !u.logged.CompareAndSwap(last, now) {
		return
	}
	u.log.Warn("a message in the stream cannot be delivered; skipping it",
		"sequence", seq, "subject", fmt.Sprintf("%.200q", subject), "err", err, "so_far", total)
}
