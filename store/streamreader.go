package store

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

const (
	// readMessages is how many messages one request asks for. The first request asks for
	// readFirst, because the length of the messages is not known yet. The server sends all
	// messages that a request asks for, however long they are.
	readMessages = 256
	readFirst    = 8
	// readIdle is how long the server keeps a consumer that is not used.
	readIdle = 30 * time.Second
	// readAgain is the pause between two attempts while the store is unavailable.
	readAgain = 200 * time.Millisecond
	// deletedMax is how many deleted messages lost examines one by one.
	deletedMax = 10_000
	// fullMax is how many namespaces of a set lostOfFull examines one by one.
	fullMax = 100
)

// errBehind means that the server that answered has not caught up with the stream's leader.
var errBehind = errors.New("the NATS server has not caught up with the stream's leader")

// Read implements loop.Store. It retries until ctx ends. Several reads may run at the same time,
// each with its own consumer.
func (s *Store) Read(ctx context.Context, q loop.Query) (loop.Part, error) {
	for {
		part, err := s.read(ctx, q)
		if err == nil {
			return part, nil
		}
		select {
		case <-ctx.Done():
			return part, err
		case <-time.After(readAgain):
		}
	}
}

// read is one attempt. Messages may expire or be deleted while it runs, so it proceeds in this
// order:
//
//	state before ─▶ find part.After ─▶ lost up to now ─▶ fill ─▶ lost while filling
//
// The part may then report a loss that the subscriber did not suffer, but never misses one.
func (s *Store) read(ctx context.Context, q loop.Query) (part loop.Part, err error) {
	s.mu.Lock()
	stream, js, epoch := s.stream, s.js, s.status.Epoch
	s.mu.Unlock()
	if stream == nil {
		return part, errors.New("the store is unavailable")
	}
	reader := streamReader{store: s, js: js, stream: stream, epoch: epoch, filters: filters(s.opts.Stream.Name, q.Set)}
	info, err := stream.Info(ctx)
	if err != nil {
		return part, err
	}
	switch {
	case s.epochOf(info) != epoch:
		return part, errRemade
	case !leads(info):
		return part, errCutOff
	}
	part.Newest = info.State.LastSeq
	switch {
	case q.Last > 0:
		part.After, err = reader.before(ctx, info.State, q.Last, q.Newest)
	case !q.Since.IsZero():
		part.After, err = reader.since(ctx, info.State, q.Since, q.Until)
	default:
		part.After = q.After
	}
	if err != nil {
		return part, err
	}
	if part.Lost, err = reader.lost(ctx, info, part.After, q.Until); err != nil {
		return part, err
	}
	if err = reader.fill(ctx, &part, q.Until, q.BytesMax); err != nil {
		return part, err
	}
	return part, reader.lostMeanwhile(ctx, info.State, &part, q.Until)
}

// A streamReader reads the messages of one subscription set from the stream.
type streamReader struct {
	store   *Store
	js      jetstream.JetStream
	stream  jetstream.Stream
	epoch   string
	filters []string // subjects of the set: see filters
}

// open creates a consumer for the set's subjects. The caller closes it. If that fails, the
// server deletes the consumer after readIdle.
func (r *streamReader) open(ctx context.Context, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	config.AckPolicy = jetstream.AckNonePolicy
	config.MemoryStorage, config.Replicas = true, 1
	config.InactiveThreshold = readIdle
	config.FilterSubjects = r.filters
	return r.stream.CreateConsumer(ctx, config)
}

func (r *streamReader) close(consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	_ = r.stream.DeleteConsumer(ctx, consumer.CachedInfo().Name) // the server deletes it after readIdle anyway
}

// fill reads the messages after part.After and up to until into part. It stops when the frames
// have bytesMax bytes; part.Last remains false then.
func (r *streamReader) fill(ctx context.Context, part *loop.Part, until uint64, bytesMax int) error {
	if part.After >= until {
		part.Last = true
		return nil
	}
	consumer, err := r.open(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: part.After + 1})
	if err != nil {
		return err
	}
	defer r.close(consumer)
	pending := consumer.CachedInfo().NumPending
	for pending > 0 && !part.Last && len(part.Frames) < bytesMax {
		batch, err := consumer.Fetch(int(min(pending, toAskFor(part, bytesMax))), jetstream.FetchMaxWait(callTime))
		if err != nil {
			return err
		}
		if pending, err = r.addBatch(part, batch, until, bytesMax); err != nil {
			return err
		}
	}
	if pending == 0 && len(part.Frames) < bytesMax {
		part.Last = true
	}
	if part.Last {
		return r.checkComplete(ctx, part, until)
	}
	return nil
}

// addBatch adds the messages of a batch to part, and returns how many messages the consumer has
// left. It omits messages after until, and messages that exceed bytesMax: the next part reads those
// again.
func (r *streamReader) addBatch(part *loop.Part, batch jetstream.MessageBatch, until uint64, bytesMax int) (pending uint64, err error) {
	n := 0
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return 0, err
		}
		n++
		pending = meta.NumPending
		switch seq := meta.Sequence.Stream; {
		case len(part.Frames) >= bytesMax:
		case seq > until:
			part.Last = true
		default:
			r.add(part, m, seq)
		}
	}
	if err := batch.Error(); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errors.New("the store has messages but sends none")
	}
	return pending, nil
}

// toAskFor returns how many messages to request. It assumes that the messages are as long as
// the average of the messages in the part.
func toAskFor(part *loop.Part, bytesMax int) uint64 {
	n := len(part.Ends)
	if n == 0 {
		return readFirst
	}
	each := len(part.Frames) / n
	return uint64(min((bytesMax-len(part.Frames))/each+1, readMessages))
}

// add appends the frame of one message.
func (r *streamReader) add(part *loop.Part, m jetstream.Msg, seq uint64) {
	_, event, err := r.store.unpack(m)
	if err != nil {
		return // delivery has counted it
	}
	part.Frames = sse.AppendIDLine(part.Frames, sse.ID{Epoch: r.epoch, Seq: seq})
	part.Frames = sse.AppendFrame(part.Frames, event, m.Data())
	part.Ends = append(part.Ends, sse.FrameEnd{Offset: len(part.Frames), Seq: seq})
}

// checkComplete asks the stream's leader whether messages are missing at the end of the part,
// and returns errBehind if so. A consumer reads from the replica of its server, which may lag
// behind the leader.
func (r *streamReader) checkComplete(ctx context.Context, part *loop.Part, until uint64) error {
	if r.stream.CachedInfo().Config.Replicas <= 1 {
		return nil
	}
	after := part.After
	if n := len(part.Ends); n > 0 {
		after = part.Ends[n-1].Seq
	}
	more, err := r.hasMore(ctx, after, until)
	if more {
		err = errBehind
	}
	return err
}
