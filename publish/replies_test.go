package publish

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// later is a Sink that leaves every reply open until the test calls settle. Its answers are the
// same as those of a recorder.
type later struct {
	recorder
	answers queue[outcome]
}

type outcome struct {
	sequence uint64
	err      error
}

func (l *later) Publish(namespace, event, data []byte) (uint64, error) {
	l.answers.push(answered(l.recorder.Publish(namespace, event, data)))
	return 0, ErrPending
}

func (l *later) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	l.answers.push(answered(l.recorder.PublishKeyed(key, namespace, event, data)))
	return 0, ErrPending
}

func answered(sequence uint64, err error) outcome { return outcome{sequence, err} }

// settle answers at most n open replies.
func (l *later) settle(to *Replies, n int) {
	for range min(n, to.Waiting()) {
		o := l.answers.pop(1)[0]
		to.Settle(o.sequence, o.err)
	}
}

// modelReplies is a simple model of Replies: each reply is a separate string, and an open reply is
// nil.
type modelReplies struct {
	parts []*string
	quiet map[int]bool // which of the parts were open and quiet
}

func (m *modelReplies) settle(sequence uint64, err error) {
	for i, part := range m.parts {
		if part == nil {
			text := fmt.Sprintf("OK %d\n", sequence)
			if m.quiet[i] {
				text = ""
			}
			if err != nil {
				text = string(AppendError(nil, err))
			}
			m.parts[i] = &text
			return
		}
	}
}

func (m *modelReplies) waiting() (n int) {
	for _, part := range m.parts {
		if part == nil {
			n++
		}
	}
	return n
}

// sent returns all replies before the first open one.
func (m *modelReplies) sent() string {
	var all strings.Builder
	for _, part := range m.parts {
		if part == nil {
			break
		}
		all.WriteString(*part)
	}
	return all.String()
}

// TestRepliesModel applies random operations to Replies and to the model, and compares them.
func TestRepliesModel(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		var r Replies
		m := modelReplies{quiet: map[int]bool{}}
		var sent []byte
		for step := range 400 {
			switch random.IntN(4) {
			case 0: // add output such as a session returns
				var out []byte
				s := &Session{}
				for range random.IntN(8) {
					if random.IntN(2) == 0 {
						text := fmt.Sprintf("reply %d of seed %d\n", step, seed)
						out = append(out, text...)
						m.parts = append(m.parts, &text)
						continue
					}
					quiet := random.IntN(3) == 0
					s.pendingReplies = append(s.pendingReplies, pendingReply{len(out), quiet})
					m.quiet[len(m.parts)] = quiet
					m.parts = append(m.parts, nil)
				}
				r.Add(s, out)
				clear(out)
				if s.Pending() != 0 {
					t.Fatalf("seed %d: the session still has %d open replies", seed, s.Pending())
				}
			case 1, 2:
				for range random.IntN(4) {
					if r.Waiting() > 0 {
						o := outcome{sequence: random.Uint64()}
						if random.IntN(4) == 0 {
							o.err = fmt.Errorf("%w: no room", ErrBusy)
						}
						r.Settle(o.sequence, o.err)
						m.settle(o.sequence, o.err)
					}
				}
			case 3:
				sent = r.Take(sent)
				if want := m.sent(); string(sent) != want {
					t.Fatalf("seed %d, step %d: sent\n%s, want\n%s", seed, step, sent, want)
				}
			}
			if r.Waiting() != m.waiting() {
				t.Fatalf("seed %d, step %d: %d are waiting, want %d", seed, step, r.Waiting(), m.waiting())
			}
		}
	}
}

// TestPendingRepliesAreTheSame plays all conversations to two Sinks, of which one answers
// immediately and the other at random times. It checks that the replies are the same.
func TestPendingRepliesAreTheSame(t *testing.T) {
	var pending int
	for i, c := range conversations {
		if c.keyless {
			continue
		}
		random := rand.New(rand.NewPCG(uint64(i), 2))
		for range 20 {
			var atOnce recorder
			_, want, _ := feedTo(&atOnce, c.config(), []byte(c.in), len(c.in))
			s, sink, in := NewSession(c.config()), &later{}, []byte(c.in)
			var r Replies
			var got []byte
			for len(in) > 0 {
				n := 1 + random.IntN(len(in))
				out, _ := s.Feed(in[:n], sink, nil)
				in = in[n:]
				pending += s.Pending()
				r.Add(s, out)
				sink.settle(&r, random.IntN(3))
				got = r.Take(got)
				if !strings.HasPrefix(want, string(got)) {
					t.Fatalf("%s: sent %q too early, want %q", c.name, got, want)
				}
			}
			sink.settle(&r, r.Waiting())
			if got = r.Take(got); string(got) != want {
				t.Errorf("%s: replies\n%s, want\n%s", c.name, got, want)
			}
			if fmt.Sprintf("%q", sink.got) != fmt.Sprintf("%q", atOnce.got) {
				t.Errorf("%s: published %q, want %q", c.name, sink.got, atOnce.got)
			}
		}
	}
	if pending < 1000 {
		t.Errorf("only %d replies were left open", pending)
	}
}

// TestQuietAppliesWhenTheMessageIsSent verifies that QUIET applies as it was when the message was
// sent, even if it has changed before the answer.
func TestQuietAppliesWhenTheMessageIsSent(t *testing.T) {
	s, sink := NewSession(&open), &later{}
	var r Replies
	for _, in := range []string{"PUB / - a\nQUIET on\nKEY k\nPUB / - b\nPING\nPUB /full - c\n", "QUIET off\nPUB / - d\nQUIT\n"} {
		out, _ := s.Feed([]byte(in), sink, nil)
		r.Add(s, out)
	}
	if got := r.Take(nil); len(got) > 0 || r.Waiting() != 4 {
		t.Errorf("before any answer %q is sent, and %d are waiting", got, r.Waiting())
	}
	for _, want := range []string{"OK 1\nOK\n", "PONG\n", "ERR busy the mailbox is full, try again later\nOK\n", "OK 3\nOK\n"} {
		sink.settle(&r, 1)
		if got := r.Take(nil); string(got) != want {
			t.Errorf("%q is sent, want %q", got, want)
		}
	}
}

// TestAddAfterManyFeeds verifies Add with the output of several calls of Feed.
func TestAddAfterManyFeeds(t *testing.T) {
	s, sink := NewSession(&open), &later{}
	var out []byte
	for _, in := range []string{"PING\nPUB / - a\nPI", "NG\nPUB / - b\n", "PING\n"} {
		out, _ = s.Feed([]byte(in), sink, out)
	}
	var r Replies
	r.Add(s, out)
	sink.settle(&r, 2)
	if got := string(r.Take(nil)); got != "PONG\nOK 1\nPONG\nOK 2\nPONG\n" {
		t.Errorf("replies are %q", got)
	}
}

func TestSettleWithoutOpenReply(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Settle without an open reply did not panic")
		}
	}()
	new(Replies).Settle(1, nil)
}

// TestRepliesDoNotAllocate checks this with at least 200 open replies at all times.
func TestRepliesDoNotAllocate(t *testing.T) {
	in := []byte(strings.Repeat("PUB /pets/dogs new-dog Corgi\nPING\n", 100))
	s, sink := NewSession(&open), pending{}
	var r Replies
	out, sent := make([]byte, 0, 4096), make([]byte, 0, 8192)
	feed := func() {
		out, _ = s.Feed(in, sink, out[:0])
		r.Add(s, out)
	}
	feed()
	feed()
	if n := testing.AllocsPerRun(1000, func() {
		feed()
		for n := range 100 {
			r.Settle(uint64(n), nil)
		}
		sent = r.Take(sent[:0])
	}); n != 0 {
		t.Errorf("%v allocations for 100 messages", n)
	}
	if r.Waiting() != 200 || len(sent) == 0 {
		t.Errorf("%d are waiting, %d bytes were sent", r.Waiting(), len(sent))
	}
}

// TestRepliesFreeLargeBuffers checks that large buffers are freed after many open replies were
// settled.
func TestRepliesFreeLargeBuffers(t *testing.T) {
	s, sink := NewSession(&open), pending{}
	var r Replies
	for range 100 {
		out, _ := s.Feed([]byte(strings.Repeat("PUB / - x\nPING\n", 1000)), sink, nil)
		r.Add(s, out)
	}
	for n := 0; r.Waiting() > 0; n++ {
		r.Settle(uint64(n), nil)
	}
	r.Take(nil)
	if cap(r.ready) > readyBytesKept || cap(r.open.items) > itemsKept || cap(r.rest.items) > itemsKept || cap(s.pendingReplies) > itemsKept {
		t.Errorf("kept are %d, %d, %d and %d", cap(r.ready), cap(r.open.items), cap(r.rest.items), cap(s.pendingReplies))
	}
}

// TestQueueStaysSmall verifies that a queue that is never empty reuses the room of popped items.
func TestQueueStaysSmall(t *testing.T) {
	var q queue[int]
	for n := range 100_000 {
		q.push(n)
		if q.len() > 10 {
			if got := q.pop(1)[0]; got != n-10 {
				t.Fatalf("pop returned %d, want %d", got, n-10)
			}
		}
	}
	if cap(q.items) > 64 {
		t.Errorf("a queue of ten items has room for %d", cap(q.items))
	}
}

// pending is the cheapest Sink that answers later.
type pending struct{}

func (pending) Publish(_, _, _ []byte) (uint64, error) { return 0, ErrPending }

// BenchmarkReplies measures Replies with a thousand open replies. One op is one message.
func BenchmarkReplies(b *testing.B) {
	in := []byte(strings.Repeat("PUB /pets/dogs new-dog Corgi\n", 100))
	s, sink := NewSession(&open), pending{}
	var r Replies
	var out, sent []byte
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		if r.Waiting() < 1000 {
			out, _ = s.Feed(in, sink, out[:0])
			r.Add(s, out)
			sent = r.Take(sent[:0])
		}
		r.Settle(n, nil)
	}
}

// A collector is a Flusher. It notes in order what the session calls.
type collector struct{ calls []string }

func (c *collector) Publish(_, _, data []byte) (uint64, error) {
	c.calls = append(c.calls, string(data))
	return 1, nil
}

func (c *collector) Flush() { c.calls = append(c.calls, "flush") }

// TestFeedFlushes verifies that Feed flushes its Sink once, after all of its messages.
func TestFeedFlushes(t *testing.T) {
	var sink collector
	session := NewSession(&Config{DataBytesMax: 100})
	for _, in := range []string{"PUB /a - one\nPUB /a - two\nPU", "B /a - three\n", "PING\n"} {
		session.Feed([]byte(in), &sink, nil)
	}
	if want := []string{"one", "two", "flush", "three", "flush", "flush"}; !slices.Equal(sink.calls, want) {
		t.Errorf("the sink got %q, want %q", sink.calls, want)
	}
}
