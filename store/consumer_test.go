package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// A trimmedStream is a stream that only reports its state.
type trimmedStream struct {
	jetstream.Stream
	info  jetstream.StreamInfo
	err   error
	calls int
}

func (s *trimmedStream) Info(context.Context, ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	s.calls++
	return &s.info, s.err
}

// A consumed is a message of a consumer. Its data is its sequence.
type consumed struct {
	jetstream.Msg
	meta jetstream.MsgMetadata
}

func (m consumed) Metadata() (*jetstream.MsgMetadata, error) { return &m.meta, nil }
func (m consumed) Subject() string                           { return "ssed.x" }
func (m consumed) Headers() nats.Header                      { return nil }
func (m consumed) Data() []byte                              { return fmt.Append(nil, m.meta.Sequence.Stream) }

// take delivers the message with a sequence. The stream has messages up to last, and the server
// counts one message too many as pending.
func (s *trimmedStream) take(d *delivery, seq, last uint64) {
	s.info.State.LastSeq = last
	d.take(consumed{meta: jetstream.MsgMetadata{
		Sequence:   jetstream.SequencePair{Consumer: d.count + 1, Stream: seq},
		NumPending: last - seq + 1,
	}})
}

// newDelivery returns a Store that is not connected, and a delivery of a stream to it.
func newDelivery(t *testing.T) (*Store, *trimmedStream, *delivery) {
	t.Helper()
	s, err := New(Options{Embedded: &Embedded{Dir: t.TempDir()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(testContext(t))
	t.Cleanup(func() { cancel(nil) })
	stream := &trimmedStream{}
	return s, stream, &delivery{store: s, stream: stream, epoch: s.epochOf(&stream.info), ctx: ctx, cancel: cancel, live: true}
}

// TestGapEndsWithTheStream delivers a stream that drops messages before they are read, while the
// server counts too many messages as pending. It verifies that one gap event covers all messages
// up to the stream's last one, and that none names a later message.
func TestGapEndsWithTheStream(t *testing.T) {
	s, stream, d := newDelivery(t)
	server, err := ssed.New(ssed.Options{Store: s, Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(context.Background()), <-ended); err != nil {
			t.Error(err)
		}
	})
	<-server.Ready()
	d.to = server.StoreSink()
	if err := errors.Join(d.to.Begin(d.ctx, d.epoch, 0), d.to.Live(d.ctx)); err != nil {
		t.Fatal(err)
	}
	n := &node{Server: server, store: s}
	live := n.subscribe(t, "/subscribe/x")
	id := func(seq uint64) string { return sse.ID{Epoch: d.epoch, Seq: seq}.String() }
	for _, tt := range []struct {
		seq, last uint64
		gapAfter  uint64 // the gap event before the message is for the messages after this one; 0: none
		calls     int    // how often the stream was asked so far
	}{
		{seq: 1, last: 10},
		{seq: 5, last: 10, gapAfter: 1, calls: 1},
		{seq: 8, last: 10, calls: 1}, // the gap event includes 6 and 7
		{seq: 10, last: 10, calls: 1},
		{seq: 11, last: 11, calls: 1},
		{seq: 15, last: 20, gapAfter: 11, calls: 2},
		{seq: 20, last: 20, calls: 2},
		{seq: 22, last: 22, gapAfter: 20, calls: 3},
	} {
		stream.take(d, tt.seq, tt.last)
		if tt.gapAfter > 0 {
			var g sse.Gap
			want := sse.Gap{Reason: sse.GapExpired, Asked: id(tt.gapAfter), Newest: id(tt.last), CompleteAfter: id(tt.last)}
			if data := nextData(t, live); json.Unmarshal([]byte(data), &g) != nil || g != want {
				t.Errorf("before message %d: got %s, want %+v", tt.seq, data, want)
			}
		}
		if data := nextData(t, live); data != fmt.Sprint(tt.seq) {
			t.Errorf("got %s instead of message %d", data, tt.seq)
		}
		if stream.calls != tt.calls {
			t.Errorf("after message %d the stream was asked %d times, want %d", tt.seq, stream.calls, tt.calls)
		}
		if newest := s.Newest(); newest > tt.last {
			t.Errorf("after message %d, Newest is %d, but the stream ends with %d", tt.seq, newest, tt.last)
		}
	}
	resumed := n.subscribe(t, "/subscribe/x?last_event_id="+id(22))
	stream.take(d, 23, 23)
	if data := nextData(t, resumed); data != "23" {
		t.Errorf("the subscriber that has all messages got %s", data)
	}
}

// TestHoleWithoutAnswer verifies that a delivery ends before a hole if the stream does not answer,
// or was created again.
func TestHoleWithoutAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*trimmedStream, *delivery)
		want   error
	}{
		"no answer": {func(s *trimmedStream, _ *delivery) { s.err = context.DeadlineExceeded }, errInterrupted},
		"remade":    {func(_ *trimmedStream, d *delivery) { d.epoch = "before" }, errRemade},
	} {
		s, stream, d := newDelivery(t)
		tt.change(stream, d)
		stream.take(d, 5, 10)
		if err := context.Cause(d.ctx); !errors.Is(err, tt.want) || s.deliveredTo.Load() > 0 || s.Newest() > 0 {
			t.Errorf("%s: ended with %v; delivered up to %d, newest is %d", name, err, s.deliveredTo.Load(), s.Newest())
		}
	}
}
