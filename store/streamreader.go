package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

const (
	// readMessages is how many messages are asked for at once, and readFirst how many
	// while it is not known how long they are: all that is asked for comes, and may be
	// long.
	readMessages = 256
	readFirst    = 8
	// readIdle is how long the server keeps a reader's place without a word from it.
	readIdle = 30 * time.Second
	// readAgain lies between two attempts, while the store is away.
	readAgain = 200 * time.Millisecond
	// deletedMax is how many deleted messages are looked at one by one.
	deletedMax = 10_000
	// fullMax is how many namespaces of a set are looked at one by one.
	fullMax = 100
)

// errBehind means that a server of the cluster was asked that has not caught up.
var errBehind = errors.New("the server that was asked has not caught up yet")

// Read implements loop.Store. It tries again as long as ctx lasts.
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

func (s *Store) read(ctx context.Context, q loop.Query) (part loop.Part, err error) {
	s.mu.Lock()
	stream, js, epoch := s.stream, s.js, s.status.Epoch
	s.mu.Unlock()
	if stream == nil {
		return part, errors.New("the store is not reached")
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
	filters []string
}

// open makes a consumer of the set. The server removes it when it is idle.
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
	_ = r.stream.DeleteConsumer(ctx, consumer.CachedInfo().Name) // or it goes by itself
}

// fill reads the messages behind part.After and up to until into part, until its frames
// have bytesMax bytes.
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

// addBatch adds the messages of a batch to part, and returns how many the consumer has
// left. It leaves out the messages that exceed bytesMax, which the next part reads again,
// and those behind until.
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
		return 0, errors.New("the store does not send what it has")
	}
	return pending, nil
}

// toAskFor is how many messages would fill a part, if they are like those in it.
func toAskFor(part *loop.Part, bytesMax int) uint64 {
	n := len(part.Ends)
	if n == 0 {
		return readFirst
	}
	each := len(part.Frames) / n
	return uint64(min((bytesMax-len(part.Frames))/each+1, readMessages))
}

// add appends one message's frame.
func (r *streamReader) add(part *loop.Part, m jetstream.Msg, seq uint64) {
	_, event, err := r.store.unpack(m)
	if err != nil {
		return // it was counted when it came
	}
	part.Frames = sse.AppendIDLine(part.Frames, sse.ID{Epoch: r.epoch, Seq: seq})
	part.Frames = sse.AppendFrame(part.Frames, event, m.Data())
	part.Ends = append(part.Ends, sse.FrameEnd{Offset: len(part.Frames), Seq: seq})
}

// checkComplete asks the stream's leader whether there is more. A consumer reads from any
// server of the cluster, which may lag behind the leader.
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

// hasMore asks the leader whether there is a message behind a number, and up to
// another.
func (r *streamReader) hasMore(ctx context.Context, after, until uint64) (bool, error) {
	for _, filter := range r.filters {
		next, _, err := r.next(ctx, filter, after)
		if err != nil || next > after && next <= until {
			return err == nil, err
		}
	}
	return false, nil
}

// next asks the leader for the first message of a subject behind a number: for its
// number and time. 0: there is none.
func (r *streamReader) next(ctx context.Context, filter string, after uint64) (seq uint64, at time.Time, err error) {
	request, err := json.Marshal(map[string]any{"seq": after + 1, "next_by_subj": filter})
	if err != nil {
		return 0, at, err
	}
	m, err := r.js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+r.store.opts.Stream.Name, request)
	if err != nil {
		return 0, at, err
	}
	var answer struct {
		Message struct {
			Seq  uint64    `json:"seq"`
			Time time.Time `json:"time"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return 0, at, fmt.Errorf("the store's answer cannot be read: %w", err)
	}
	switch {
	case answer.Error == nil:
		return answer.Message.Seq, answer.Message.Time, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return 0, at, nil
	}
	return 0, at, answer.Error
}

// pending is how many messages of the set there are from a number on.
func (r *streamReader) pending(ctx context.Context, from uint64) (uint64, error) {
	consumer, err := r.open(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from})
	if err != nil {
		return 0, err
	}
	r.close(consumer)
	return consumer.CachedInfo().NumPending, nil
}

// before finds the number behind which the set has its newest messages up to a
// number, as many as asked for, or all if there are fewer. The stream cannot be asked
// that; but it can be asked how many there are from a number on, some twenty times.
// While others publish it may find a few too many, but not too few.
func (r *streamReader) before(ctx context.Context, state jetstream.StreamState, messages int, newest uint64) (after uint64, err error) {
	later, err := r.pending(ctx, newest+1)
	if err != nil {
		return 0, err
	}
	want := later + uint64(messages)
	low, high := max(state.FirstSeq, 1), max(newest+1, 1) // it lies from low on, and below high
	for low < high {
		middle := low + (high-low)/2
		n, err := r.pending(ctx, middle)
		if err != nil {
			return 0, err
		}
		if n > want { // more may have come since
			if later, err = r.pending(ctx, newest+1); err != nil {
				return 0, err
			}
			want = later + uint64(messages)
		}
		if n <= want {
			high = middle // all from here on are wanted
		} else {
			low = middle + 1
		}
	}
	return low - 1, nil
}

// since finds the number behind which messages are younger than a time. A consumer can
// be asked to begin there; but where it begins is now and then some messages too late
// (nats-server 2.15.2), so the leader is asked for some twenty messages' times.
func (r *streamReader) since(ctx context.Context, state jetstream.StreamState, since time.Time, until uint64) (after uint64, err error) {
	low, high := max(state.FirstSeq, 1), until+1 // it lies from low on, and not behind high
	for low < high {
		middle := low + (high-low)/2
		seq, at, err := r.next(ctx, ">", middle-1)
		switch {
		case err != nil:
			return 0, err
		case seq == 0 || seq >= high || !at.Before(since):
			high = middle
		default:
			low = seq + 1
		}
	}
	return min(low-1, until), nil
}

// lost is the number of the newest message behind after, and up to until, that may be
// one of the set and is gone; 0: none is. What a deleted message was about is not
// known, so it may have been one, with one exception: where the stream has a limit
// for each namespace, one that has not come to it has lost nothing by it.
func (r *streamReader) lost(ctx context.Context, info *jetstream.StreamInfo, after, until uint64) (uint64, error) {
	lost := min(info.State.FirstSeq-min(info.State.FirstSeq, 1), until)
	switch {
	case after >= until || info.State.NumDeleted == 0:
	case info.Config.MaxMsgsPerSubject > 0:
		newest, err := r.lostOfFull(ctx, uint64(info.Config.MaxMsgsPerSubject), after, until)
		if err != nil {
			return 0, err
		}
		lost = max(lost, newest)
	case info.State.NumDeleted > deletedMax:
		lost = until
	default:
		details, err := r.stream.Info(ctx, jetstream.WithDeletedDetails(true))
		if err != nil {
			return 0, err
		}
		for _, seq := range details.State.Deleted {
			if seq <= until {
				lost = max(lost, seq)
			}
		}
	}
	if lost <= after {
		return 0, nil
	}
	return lost, nil
}

// lostMeanwhile adds to part.Lost what the stream dropped while the part was read. The part
// may lack it, and the next one begins after it. It may also be in the part: a consumer
// does not tell what it found gone.
func (r *streamReader) lostMeanwhile(ctx context.Context, before jetstream.StreamState, part *loop.Part, until uint64) error {
	info, err := r.stream.Info(ctx)
	if err != nil {
		return err
	}
	if info.State.FirstSeq == before.FirstSeq && info.State.NumDeleted == before.NumDeleted {
		return nil
	}
	if n := len(part.Ends); n > 0 && !part.Last {
		until = part.Ends[n-1].Seq // the next part tells of the rest
	}
	lost, err := r.lost(ctx, info, part.After, until)
	part.Lost = max(part.Lost, lost)
	return err
}

// lostOfFull is lost for namespaces that have as many messages as they may.
func (r *streamReader) lostOfFull(ctx context.Context, limit, after, until uint64) (lost uint64, err error) {
	full := 0
	for _, filter := range r.filters {
		info, err := r.stream.Info(ctx, jetstream.WithSubjectFilter(filter))
		if err != nil {
			return 0, err
		}
		for subject, messages := range info.State.Subjects {
			if messages < limit {
				continue
			}
			if full++; full > fullMax {
				return until, nil
			}
			oldest, _, err := r.next(ctx, subject, 0)
			if err != nil {
				return 0, err
			}
			if oldest > after+1 {
				lost = max(lost, min(oldest-1, until))
			}
		}
	}
	return lost, nil
}
