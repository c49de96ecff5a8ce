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

// Limits of one pull request. They are large enough to keep the connection busy.
const (
	pullMessages = 4096
	pullBytes    = 8 << 20
	// pullOverhead bounds the size of a message besides its payload, mostly its subjects.
	pullOverhead = 64 << 10
)

// pullHeartbeat is how often the server sends a heartbeat while it has nothing to deliver. If
// nothing arrives for two intervals, the server has stopped or has lost the consumer. The client
// then reports an error, and the Store creates another consumer. Until then subscribers get no
// messages.
const pullHeartbeat = time.Second

// Each of these errors stops a consumer. serveStream returns it, and Serve starts again.
var (
	errWentBack = errors.New("the stream's last sequence is lower than the last delivered one")
	errRemade   = errors.New("the stream was deleted and created again")
	// errReconnected means that messages may have been lost with the old connection. Serve
	// starts a new consumer immediately.
	errReconnected = errors.New("the connection was lost and restored")
	// errInterrupted marks the errors of a consumer. The stream was found, but reading it has
	// failed: see lost.
	errInterrupted = errors.New("reading the stream was interrupted")
)

// consume creates a consumer and delivers the stream's messages from a sequence on, until the
// consumer fails or ctx ends. caughtUp is the stream's last sequence at the start: once it is
// delivered, the loop may accept subscribers.
//
// A consumer is the server's cursor into the stream. This one is ephemeral: it is in the memory of
// one server and is lost with that server. It needs no acks (AckNone), so the server sends each
// message once. So a message can be lost with a connection, and the only remedy is a new consumer,
// from the sequence after deliveredTo. Sequences that the loop sees always rise within an epoch.
//
// The library's own ordered consumer does the same. But it needs up to 30 s to notice that its
// server has stopped, and then waits up to 10 s for each attempt to create a new consumer.
//
// The NATS client calls delivery.take on its own goroutine. This goroutine stays in watch.
func (s *Store) consume(ctx context.Context, to loop.StoreSink, stream jetstream.Stream, epoch string, from, caughtUp uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &delivery{store: s, to: to, stream: stream, epoch: epoch, ctx: ctx, cancel: cancel, caughtUp: caughtUp, asked: caughtUp}
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

// wentBack counts that the stream ends before deliveredTo, and reports whether that happened
// backTimes in a row. startFrom resets the count.
func (s *Store) wentBack() bool {
	s.back++
	return s.back >= backTimes
}

// pullBytes returns the byte limit of one pull request. It is at least the size of the longest
// message. The server would not send a message that exceeds the limit, nor any message after it.
func (s *Store) pullBytes() int { return max(pullBytes, int(s.conn.MaxPayload())+pullOverhead) }

// firstOf returns the sequence of the first message to read at the start: the newest preload
// messages of the stream.
func firstOf(state jetstream.StreamState, preload int) uint64 {
	from := state.LastSeq + 1
	from -= min(from-1, uint64(max(0, preload)))
	return max(from, state.FirstSeq, 1)
}

// A delivery hands the messages of one consumer to the loop:
//
//	catching up ─── deliveredTo ≥ caughtUp ───▶ live
//	     │                                       │
//	     └── a message is missing, or an error ──┴──▶ canceled: take drops what arrives
//
// Canceling ctx makes watch return the cause, and consume with it. There is one delivery at a
// time, because consume calls end before it returns.
type delivery struct {
	store    *Store
	to       loop.StoreSink
	stream   jetstream.Stream
	epoch    string
	ctx      context.Context
	cancel   context.CancelCauseFunc
	caughtUp uint64 // the stream's last sequence when the consumer was created
	live     bool   // goLive was called. Serve's goroutine owns it until the consumer starts, then take

	mu    sync.Mutex // held while a message is handed over: see end
	count uint64     // messages that arrived
	asked uint64     // the stream's last sequence in its latest answer
}

// end cancels the delivery, and waits until take has returned.
func (d *delivery) end() {
	d.cancel(nil)
	d.mu.Lock()
	defer d.mu.Unlock()
}

// take hands one message to the loop. It blocks while the loop's mailbox is full; the client
// then buffers up to one pull request.
//
// The consumer numbers the messages that it sends. A missing number means that a message was
// lost on the way. The server will not send it again, so take cancels the delivery.
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
		d.cancel(fmt.Errorf("%w: a message was lost on the way", errInterrupted))
		return
	}
	seq := meta.Sequence.Stream
	if err := d.askNewest(seq); err != nil {
		d.cancel(err)
		return
	}
	d.store.raiseNewest(seq)
	if err := d.store.deliver(d.ctx, d.to, m, seq); err != nil {
		d.cancel(err)
		return
	}
	d.store.deliveredTo.Store(seq)
	d.checkLive(meta.NumPending)
}

// askNewest raises Newest to the stream's last sequence if messages before seq are missing. The
// loop's gap event for them covers all messages up to Newest, and later holes up to there get no
// further gap events. So each gap event costs at most one request.
//
// The consumer's NumPending is no substitute for the request. If the stream drops a message just
// before the server's consumer would read it, the server may still count it as pending. A gap event
// would then name messages that do not exist.
func (d *delivery) askNewest(seq uint64) error {
	if missing := seq - 1; missing <= max(d.store.deliveredTo.Load(), d.asked) {
		return nil
	}
	ctx, cancel := context.WithTimeout(d.ctx, callTime)
	defer cancel()
	info, err := d.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errInterrupted, err)
	}
	if d.store.epochOf(info) != d.epoch {
		return errRemade
	}
	d.asked = info.State.LastSeq
	d.store.raiseNewest(d.asked)
	return nil
}

// checkLive calls goLive once all messages that were stored before startup are delivered.
// pending is how many messages the consumer still has to send.
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

// passDeleted advances deliveredTo to caughtUp if the stream has no messages in between. The
// consumer has nothing more to send, but caughtUp is not reached. Either the last messages are
// deleted, or the consumer's server lags behind the leader. passDeleted asks the leader.
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

// goLive informs the loop that all messages that were stored before startup are delivered.
func (d *delivery) goLive() {
	d.live = true
	if err := d.to.Live(d.ctx); err != nil {
		d.cancel(err)
		return
	}
	s := d.store
	s.liveOnce.Do(func() {
		close(s.live)
		s.log.Info("store replayed; accepting subscribers", "sequence", s.deliveredTo.Load())
	})
}

// deliver hands one message of the stream to the loop, or skips it if it cannot be delivered.
func (s *Store) deliver(ctx context.Context, to loop.StoreSink, m jetstream.Msg, seq uint64) error {
	namespace, event, err := s.unpack(m)
	if err != nil {
		s.undeliverable.count(seq, m.Subject(), err)
		return to.Skip(ctx, seq)
	}
	return to.Deliver(ctx, seq, namespace, event, m.Data())
}

// unpack returns the namespace and the event of a message in the stream, or an error if the
// message cannot be delivered. Other programs may publish any message to the stream, and a
// message that was stored under an earlier configuration may not fit the current one.
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

// An undeliverable counts the messages in the stream that cannot be delivered: see Store.unpack.
type undeliverable struct {
	log    *slog.Logger
	total  atomic.Uint64
	logged atomic.Int64 // time of the last log line, in nanoseconds
}

// count counts one message, and logs it unless another was logged within the last second.
func (u *undeliverable) count(seq uint64, subject string, err error) {
	total := u.total.Add(1)
	now, last := time.Now().UnixNano(), u.logged.Load()
	if now-last < int64(time.Second) || !u.logged.CompareAndSwap(last, now) {
		return
	}
	u.log.Warn("skipped an undeliverable message",
		"sequence", seq, "subject", fmt.Sprintf("%.200q", subject), "err", err, "messages", total)
}
