package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// hasMore asks the leader whether the set has a message after a sequence and up to until.
func (r *streamReader) hasMore(ctx context.Context, after, until uint64) (bool, error) {
	for _, filter := range r.filters {
		next, _, err := r.next(ctx, filter, after)
		if err != nil || next > after && next <= until {
			return err == nil, err
		}
	}
	return false, nil
}

// next asks the leader for the first message of a subject after a sequence. It returns the
// message's sequence and time, or 0 if there is no such message.
//
// It uses the request STREAM.MSG.GET, which only the leader answers. A direct get is answered
// by any replica, and a replica may lag.
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
		return 0, at, fmt.Errorf("invalid answer from the store: %w", err)
	}
	switch {
	case answer.Error == nil:
		return answer.Message.Seq, answer.Message.Time, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return 0, at, nil
	}
	return 0, at, answer.Error
}

// pending returns how many messages of the set the stream has from a sequence on. JetStream
// counts them when it creates a consumer.
func (r *streamReader) pending(ctx context.Context, from uint64) (uint64, error) {
	consumer, err := r.open(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from})
	if err != nil {
		return 0, err
	}
	r.close(consumer)
	return consumer.CachedInfo().NumPending, nil
}

// before returns the sequence after which the set has its newest messages up to newest: as many as
// asked for, or all if there are fewer. It serves ?last=.
//
// JetStream has no request for this, so before is a binary search over pending, which takes about
// twenty requests. While messages are published it may find a few more messages than asked for, but
// never fewer.
func (r *streamReader) before(ctx context.Context, state jetstream.StreamState, messages int, newest uint64) (after uint64, err error) {
	later, err := r.pending(ctx, newest+1)
	if err != nil {
		return 0, err
	}
	want := later + uint64(messages)
	low, high := max(state.FirstSeq, 1), max(newest+1, 1) // the first wanted message is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		n, err := r.pending(ctx, middle)
		if err != nil {
			return 0, err
		}
		if n > want { // messages may have been published since later was read
			if later, err = r.pending(ctx, newest+1); err != nil {
				return 0, err
			}
			want = later + uint64(messages)
		}
		if n <= want {
			high = middle // all messages from here on are wanted
		} else {
			low = middle + 1
		}
	}
	return low - 1, nil
}

// since returns the sequence after which messages are younger than a time. It serves ?since=.
//
// A consumer can start at a time, but sometimes it starts some messages too late
// (nats-server 2.15.2). So since is a binary search over the times of messages, which the leader
// knows. It takes about twenty requests.
func (r *streamReader) since(ctx context.Context, state jetstream.StreamState, since time.Time, until uint64) (after uint64, err error) {
	low, high := max(state.FirstSeq, 1), until+1 // the first young message is in [low, high]
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
