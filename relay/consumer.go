package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
)

var errWentBack = errors.New("the stream has less than was delivered of it")

var errRemade = errors.New("the stream was deleted, and made anew")

// consume delivers what is in the stream, from a number on, until something breaks.
// At caughtUp everything is delivered that was there before the server.
//
// The library's ordered consumer begins again behind the last message whenever it
// missed one or its server is gone, so numbers only ever rise here.
func (r *Relay) consume(ctx context.Context, to loop.Inlet, stream jetstream.Stream, epoch string, from, caughtUp uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	live := func() error {
		if err := to.Live(ctx); err != nil {
			return err
		}
		r.deliveredTo.Store(max(r.deliveredTo.Load(), caughtUp)) // what was deleted will not come
		r.liveOnce.Do(func() {
			close(r.live)
			r.log.Info("what the store had is delivered; subscribers are taken from now on", "delivered", r.deliveredTo.Load())
		})
		return nil
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   from,
	})
	if err != nil {
		return fmt.Errorf("cannot read the stream: %w", err)
	}
	// What is to come first may have been deleted since, and all behind it.
	isLive := from > caughtUp || consumer.CachedInfo().NumPending == 0
	if isLive {
		if err := live(); err != nil {
			return err
		}
	}
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		meta, err := m.Metadata()
		if err != nil {
			cancel(err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		seq := meta.Sequence.Stream
		if err := r.deliver(ctx, to, m, seq); err != nil {
			cancel(err)
			return
		}
		r.saw(seq + meta.NumPending)
		r.deliveredTo.Store(seq)
		if !isLive && (seq >= caughtUp || meta.NumPending == 0) { // or the last was deleted
			isLive = true
			if err := live(); err != nil {
				cancel(err)
			}
		}
	}, jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			r.log.Debug("reading the stream was interrupted", "err", err)
		}))
	if err != nil {
		return fmt.Errorf("cannot read the stream: %w", err)
	}
	defer consuming.Stop()
	return r.watch(ctx, to, stream, epoch, consuming.Closed())
}

// deliver hands one message of the stream to the loop.
func (r *Relay) deliver(ctx context.Context, to loop.Inlet, m jetstream.Msg, seq uint64) error {
	namespace, err := appendNamespace(nil, r.opts.Stream.Name, []byte(m.Subject()))
	event := ""
	if err == nil {
		event, err = eventOf(m.Headers())
	}
	if err == nil {
		err = sse.CheckData(m.Data(), r.opts.DataBytesMax)
	}
	if err != nil {
		r.strange.count(seq, m.Subject(), err)
		return to.Pass(ctx, seq)
	}
	return to.Deliver(ctx, seq, namespace, []byte(event), m.Data())
}

// watch looks at the stream now and then until ctx ends, or the stream is gone, or is
// another one than it was.
func (r *Relay) watch(ctx context.Context, to loop.Inlet, stream jetstream.Stream, epoch string, closed <-chan struct{}) error {
	look := time.NewTicker(watchInterval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.failed():
			return errStoreFailed
		case <-closed:
			return errors.New("the client stopped reading the stream")
		case <-look.C:
		case <-r.again:
		}
		at := r.deliveredTo.Load() // before: more may come while we ask
		asked, cancel := context.WithTimeout(ctx, callTime)
		info, err := stream.Info(asked)
		cancel()
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return errors.New("the stream was deleted")
		case err != nil && !r.conn.IsConnected(): // that is told already
			continue
		case err != nil:
			r.trouble(err.Error(), "the stream does not answer; publishers wait, and are told ERR busy after --nats-timeout; it is asked again")
			continue
		case epochOf(info) != epoch:
			return errRemade
		case info.State.LastSeq < at:
			return errWentBack
		}
		r.looked(info)
		if first := info.State.FirstSeq; first > 1 {
			if err := to.Trim(ctx, first-1); err != nil {
				return err
			}
		}
	}
}

// strange counts messages in the stream that cannot be delivered: others publish to
// it, too.
type strange struct {
	log    *slog.Logger
	total  atomic.Uint64
	logged atomic.Int64 // when a line was written last, in nanoseconds
}

// count notes one, and logs it unless another was logged within a second.
func (s *strange) count(seq uint64, subject string, err error) {
	total := s.total.Add(1)
	now, last := time.Now().UnixNano(), s.logged.Load()
	if now-last < int64(time.Second) || !s.logged.CompareAndSwap(last, now) {
		return
	}
	s.log.Warn("a message in the stream cannot be delivered, and is passed over; another program than ssed published it",
		"sequence", seq, "subject", fmt.Sprintf("%.200q", subject), "err", err, "so_far", total)
}
