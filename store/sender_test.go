package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A fakeStream is a natsConn and the stream behind it, with all faults of a real one. It has no
// goroutine: the test moves each message and each ack.
//
//	PublishMsg ─▶ onWay ─▶ work ─▶ stored
//	                         └───▶ answers ─▶ the test calls onAck
type fakeStream struct {
	cut      bool        // the connection is down
	noLeader bool        // the stream has no leader: acks have no data
	onWay    []*nats.Msg // sent by the sender, but not at the stream yet
	answers  []*nats.Msg // acks that have not arrived at the sender yet
	stored   []string    // data; the index plus 1 is the sequence
	keys     map[string]int
}

func (f *fakeStream) MaxPayload() int64 { return 1000 }

func (f *fakeStream) PublishMsg(m *nats.Msg) error {
	switch {
	case f.cut:
		return nats.ErrReconnectBufExceeded
	case len(m.Data) > 1000:
		return nats.ErrMaxPayload
	}
	f.onWay = append(f.onWay, m)
	return nil
}

// work makes the stream handle the next message: store it, refuse it, or answer that there is no
// leader.
func (f *fakeStream) work() {
	m := f.onWay[0]
	f.onWay = f.onWay[1:]
	answer := &nats.Msg{Subject: m.Reply}
	key := m.Header.Get(keyHeader)
	switch at, again := f.keys[key]; {
	case f.noLeader:
	case again:
		answer.Data = fmt.Appendf(nil, `{"stream":"ssed","seq":%d,"duplicate":true}`, at)
	case strings.HasPrefix(string(m.Data), "refuse"):
		answer.Data = []byte(`{"error":{"code":400,"err_code":10077,"description":"maximum messages exceeded"},"stream":"ssed","seq":0}`)
	default:
		f.stored = append(f.stored, string(m.Data))
		if key != "" {
			f.keys[key] = len(f.stored)
		}
		answer.Data = fmt.Appendf(nil, `{"stream":"ssed","seq":%d}`, len(f.stored))
	}
	f.answers = append(f.answers, answer)
}

// disconnect closes the connection. Some of the messages in flight reach the stream, which may
// elect a leader at any time, and some of the acks reach the sender. The rest is lost.
func (f *fakeStream) disconnect(s *sender, random *rand.Rand) {
	for range random.IntN(len(f.onWay) + 1) {
		f.noLeader = f.noLeader != (random.IntN(3) == 0)
		f.work()
	}
	for _, answer := range f.answers[:random.IntN(len(f.answers)+1)] {
		s.onAck(answer)
	}
	f.onWay, f.answers = nil, nil
}

// recover clears all faults and runs until the sender's queue is empty.
func (f *fakeStream) recover(s *sender, now time.Time) {
	if f.cut {
		f.cut = false
		s.reconnected()
	}
	f.noLeader = false
	for i := 0; i < 5000 && len(s.queue) > 0; i++ {
		s.send()
		for len(f.onWay) > 0 {
			f.work()
		}
		for ; len(f.answers) > 0; f.answers = f.answers[1:] {
			s.onAck(f.answers[0])
		}
		now = now.Add(sweepInterval)
		s.sweep(now)
	}
}

// A verdict is the Acker of one message. It records the result.
type verdict struct {
	n     int
	long  bool // the message is longer than the stream accepts
	acks  int  // calls of Ack; exactly 1 is expected
	seq   uint64
	err   error
	order *[]int // n of all verdicts, in the order of their results
}

func (v *verdict) Ack(seq uint64, err error) {
	v.acks++
	v.seq, v.err = seq, err
	*v.order = append(*v.order, v.n)
}

// TestSender runs 400 random histories of messages and faults. It verifies that the stream holds
// the messages in the order of submission. It also verifies that each message gets exactly one
// result, in that order, and that each result is true.
func TestSender(t *testing.T) {
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 1))
		f := &fakeStream{keys: map[string]int{}}
		s := newSender(10*time.Second, func(ns []byte) string { return "ssed" + string(ns) }, func(uint64) {})
		s.conn = f
		var all []*verdict
		var order []int
		now := time.Now()
		step := func() {
			switch n := random.IntN(20); {
			case n < 8:
				v := &verdict{n: len(all), order: &order}
				m := ssed.PublishRequest{Namespace: []byte("/x"), Data: fmt.Append(nil, v.n)}
				switch random.IntN(12) {
				case 0:
					m.Data = fmt.Append(nil, "refuse ", v.n)
				case 1:
					m.Data, v.long = make([]byte, 2000), true
				case 2, 3, 4, 5:
					m.Key = fmt.Appendf(nil, "key-%d", v.n)
				}
				all = append(all, v)
				s.submit(m, v)
			case n < 11:
				s.send()
			case n < 14 && len(f.onWay) > 0:
				f.work()
			case n < 17 && len(f.answers) > 0:
				s.onAck(f.answers[0])
				f.answers = f.answers[1:]
			case n == 17:
				now = now.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
				s.sweep(now)
			case n == 18 && random.IntN(4) == 0:
				f.noLeader = !f.noLeader
			case n == 19 && random.IntN(4) == 0:
				if f.cut = !f.cut; f.cut {
					f.disconnect(s, random)
				} else {
					s.reconnected()
				}
			}
		}
		for range 400 {
			step()
		}
		f.recover(s, now)
		checkVerdicts(t, seed, all, order, f.stored)
		if s.inFlight != 0 || s.bytes != 0 || len(s.queue) > 0 {
			t.Fatalf("seed %d: at the end %d are in flight, %d in the queue with %d bytes", seed, s.inFlight, len(s.queue), s.bytes)
		}
	}
}

// checkVerdicts verifies the order of the stream, and the results of all messages against the
// content of the stream.
func checkVerdicts(t *testing.T, seed uint64, all []*verdict, order []int, stored []string) {
	t.Helper()
	for i, n := range order {
		if i != n {
			t.Fatalf("seed %d: result %d was for message %d", seed, i, n)
		}
	}
	count := map[string]int{}
	previous := -1
	for _, data := range stored {
		count[data]++
		n, err := strconv.Atoi(data)
		if err != nil || n < previous {
			t.Fatalf("seed %d: the stream holds message %q after message %d", seed, data, previous)
		}
		previous = n
	}
	newest := uint64(0)
	for _, v := range all {
		data := fmt.Sprint(v.n)
		switch {
		case v.acks != 1:
			t.Fatalf("seed %d: message %d was answered %d times", seed, v.n, v.acks)
		case v.err == nil && (v.seq == 0 || stored[v.seq-1] != data || count[data] != 1):
			t.Fatalf("seed %d: message %d was answered OK %d, and is stored %d times", seed, v.n, v.seq, count[data])
		case v.err == nil && v.seq <= newest:
			t.Fatalf("seed %d: message %d has the sequence %d, but an earlier one has %d", seed, v.n, v.seq, newest)
		case v.err != nil && !errors.Is(v.err, publish.ErrBusy) && !(v.long && errors.Is(v.err, sse.ErrTooLong)):
			t.Fatalf("seed %d: message %d: %v", seed, v.n, v.err)
		case v.err != nil && strings.Contains(v.err.Error(), "nothing was stored") && count[data] > 0:
			t.Fatalf("seed %d: message %d is stored, but its publisher got: %v", seed, v.n, v.err)
		case count[data] > 1:
			t.Fatalf("seed %d: message %d is stored %d times", seed, v.n, count[data])
		}
		newest = max(newest, v.seq)
	}
}

// TestSenderKeepsOrderAfterLostAck verifies that a message that was not stored is refused, not sent
// again, if the stream may have stored a later message: here its ack is lost, or is not valid.
func TestSenderKeepsOrderAfterLostAck(t *testing.T) {
	for name, loseAck := range map[string]func(*fakeStream, *sender){
		"the connection was lost": func(f *fakeStream, s *sender) { f.answers = nil; s.reconnected() },
		"an ack that is not JSON": func(f *fakeStream, s *sender) { s.onAck(&nats.Msg{Subject: f.answers[0].Subject, Data: []byte("{")}) },
	} {
		f := &fakeStream{keys: map[string]int{}}
		s := newSender(time.Minute, func([]byte) string { return "ssed" }, func(uint64) {})
		s.conn = f
		var order []int
		var verdicts [3]verdict
		submit := func(n int) {
			verdicts[n] = verdict{n: n, order: &order}
			s.submit(ssed.PublishRequest{Data: fmt.Append(nil, n)}, &verdicts[n])
		}
		submit(0)
		submit(1)
		s.send()
		f.noLeader = true
		f.work()
		f.noLeader = false
		f.work()
		s.onAck(f.answers[0]) // message 0: no responders
		f.answers = f.answers[1:]
		loseAck(f, s) // message 1
		submit(2)
		f.recover(s, time.Now())
		if got := strings.Join(f.stored, " "); got != "1 2" {
			t.Errorf("%s: the stream holds the messages %s, expected 1 2", name, got)
		}
		for n, says := range []string{"nothing was stored", "it is not known whether the message is stored", ""} {
			if err := verdicts[n].err; (err != nil) != (says != "") || err != nil && !(errors.Is(err, publish.ErrBusy) && strings.Contains(err.Error(), says)) {
				t.Errorf("%s: message %d got %v, expected an error with %q", name, n, err, says)
			}
		}
	}
}

// TestSenderTooLong verifies that a message that the stream never accepts is refused as too long,
// so that its publisher does not retry.
func TestSenderTooLong(t *testing.T) {
	answer := func(errCode int, why string) string {
		return fmt.Sprintf(`{"error":{"code":400,"err_code":%d,"description":%q},"stream":"ssed","seq":0}`, errCode, why)
	}
	for _, tt := range []struct {
		name, answer string
		size         int
		want         error
		says         string
	}{
		{"for the NATS server", "", 1001, sse.ErrTooLong, "at most 1000 bytes (its max_payload)"},
		{"for the stream", answer(10054, "message size exceeds maximum allowed"), 900, sse.ErrTooLong, "message size exceeds"},
		{"header", answer(10097, "header size exceeds maximum allowed of 64k"), 900, sse.ErrTooLong, "header size exceeds"},
		{"another reason", answer(10077, "maximum messages exceeded"), 900, publish.ErrBusy, "maximum messages exceeded"},
		{"no reason", `{"stream":"ssed","seq":0}`, 900, publish.ErrBusy, "no reason given"},
	} {
		f := &fakeStream{keys: map[string]int{}}
		s := newSender(time.Minute, func([]byte) string { return "ssed" }, func(uint64) {})
		s.conn = f
		v := &verdict{order: new([]int)}
		s.submit(ssed.PublishRequest{Data: make([]byte, tt.size)}, v)
		s.send()
		if len(f.onWay) > 0 {
			s.onAck(&nats.Msg{Subject: f.onWay[0].Reply, Data: []byte(tt.answer)})
		}
		if v.acks != 1 || !errors.Is(v.err, tt.want) || !strings.Contains(v.err.Error(), tt.says) {
			t.Errorf("%s: answered %d times, the last with %v", tt.name, v.acks, v.err)
		}
	}
}

// TestSenderWaitAndClose verifies that wait's channel is closed when the queue has room, and that
// close answers all messages, including later ones.
func TestSenderWaitAndClose(t *testing.T) {
	f := &fakeStream{keys: map[string]int{}}
	s := newSender(time.Minute, func([]byte) string { return "ssed" }, func(uint64) {})
	s.conn = f
	var order []int
	for i := range queueMax {
		if s.full() {
			t.Fatalf("the queue is full with %d messages", i)
		}
		s.submit(ssed.PublishRequest{}, &verdict{n: i, order: &order})
	}
	room := s.wait()
	if room == nil || !s.full() {
		t.Fatal("the queue has room for more than queueMax messages")
	}
	s.send()
	f.work()
	s.onAck(f.answers[0])
	select {
	case <-room:
	default:
		t.Error("the channel is not closed when there is room")
	}
	s.close()
	if len(order) != queueMax {
		t.Errorf("%d of %d messages were answered after close", len(order), queueMax)
	}
	late := &verdict{n: queueMax, order: &order}
	if s.submit(ssed.PublishRequest{}, late); !errors.Is(late.err, publish.ErrStopping) {
		t.Errorf("a message after close was answered: %v", late.err)
	}
}
