package store

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
	"github.com/ssed/ssed/sse"
)

// A bench is a daemon with a NATS server. The test changes the server's stream.
type bench struct {
	*node
	natsServer *natstest.Server
	js         jetstream.JetStream
	ctx        context.Context
}

func startBench(t *testing.T, flags ...string) *bench {
	t.Helper()
	natsServer := natstest.Start(t)
	_, js := natsServer.Connect(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*testtool.Patience)
	t.Cleanup(cancel)
	n := startNode(t, append([]string{"--nats=" + natsServer.URL}, flags...)...)
	n.waitForLog(t, "store replayed")
	return &bench{n, natsServer, js, ctx}
}

func (b *bench) stream(t *testing.T) jetstream.Stream {
	t.Helper()
	stream, err := b.js.Stream(b.ctx, "ssed")
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// restart restarts the daemon, which loses its history in memory.
func (b *bench) restart(t *testing.T) {
	t.Helper()
	b.kill(t)
	b.again(t)
}

// numbers expects the messages of publishMany with the numbers from, from+step and so on, below to,
// or gap events that cover them.
func numbers(from, to, step int) ledger.Audit {
	l := &ledger.Ledger{}
	for i := from; i < to; i += step {
		l.Ack(fmt.Sprint(i), uint64(i+1))
	}
	return ledger.Audit{Ledgers: []*ledger.Ledger{l}, AllowGaps: true}
}

// TestPurged purges the stream. It verifies that a live subscriber has every message, and that a
// subscriber that resumes gets a gap event for the messages that are lost, from the running daemon
// and after a restart.
func TestPurged(t *testing.T) {
	testtool.Long(t, "the daemon checks its store every two seconds")
	b := startBench(t)
	live := b.subscribe(t, "/?last=1000")
	publishMany(t, b.node, []string{"/a", "/b"}, 0, 100)
	had := live.WaitData(t, "99")[19].ID.String()
	if err := b.stream(t).Purge(b.ctx); err != nil {
		t.Fatal(err)
	}
	testtool.WaitFor(t, "a gap event for a subscriber that resumes", func() bool {
		number := len(live.Messages())
		publishMany(t, b.node, []string{"/b"}, number, number+1)
		live.WaitData(t, fmt.Sprint(number))
		r := b.open(t, "/", had)
		r.WaitData(t, fmt.Sprint(number))
		r.Close()
		r.Verify(t, numbers(20, number+1, 1))
		return len(r.Gaps()) > 0
	})
	b.restart(t)
	sum := len(live.Messages())
	b.waitSubscribed(t, live)
	publishMany(t, b.node, []string{"/b"}, sum, sum+1)
	live.WaitData(t, fmt.Sprint(sum))
	live.Verify(t, numbers(0, sum+1, 1))
	if len(live.Gaps()) > 0 {
		t.Errorf("the live subscriber got the gap events %+v", live.Gaps())
	}
	for _, set := range []string{"/", "/a", "/b"} {
		r := b.open(t, set, had)
		if g := r.WaitGap(t, 1); g.Reason != sse.GapExpired || g.Asked != had || g.CompleteAfter != live.Messages()[99].ID.String() {
			t.Errorf("%s: the gap is %+v", set, g)
		}
		if set != "/a" {
			r.WaitData(t, fmt.Sprint(sum))
		}
	}
}

// TestPurgedBySubject purges one namespace. It verifies that its subscribers get a gap event, and
// that subscribers of other namespaces miss nothing.
func TestPurgedBySubject(t *testing.T) {
	b := startBench(t)
	live := b.subscribe(t, "/?last=1000")
	publishMany(t, b.node, []string{"/a", "/b"}, 0, 100)
	had := live.WaitData(t, "99")[19].ID.String()
	if err := b.stream(t).Purge(b.ctx, jetstream.WithPurgeSubject("ssed.a")); err != nil {
		t.Fatal(err)
	}
	for _, restarted := range []bool{false, true} {
		if restarted {
			b.restart(t)
		}
		for set, want := range map[string]ledger.Audit{"/": numbers(20, 100, 1), "/b": numbers(21, 100, 2)} {
			r := b.open(t, set, had)
			r.WaitData(t, "99")
			r.Verify(t, want)
		}
		if !restarted {
			continue
		}
		r := b.open(t, "/a", had)
		if g := r.WaitGap(t, 1); g.Reason != sse.GapExpired || g.CompleteAfter != live.Messages()[98].ID.String() {
			t.Errorf("the gap is %+v", g)
		}
	}
}

// TestTrimmed lets the stream drop messages by its limit of bytes, possibly before the daemon reads
// them. It verifies that a live subscriber receives every message or a gap event for it, and that a
// subscriber that resumes gets a gap event.
func TestTrimmed(t *testing.T) {
	b := startBench(t, "--nats-stream-bytes=64KiB", "--history-bytes=16KiB")
	live := b.subscribe(t, "/?last=100000")
	publishMany(t, b.node, []string{"/a", "/b"}, 0, 4000)
	had := sse.ID{Epoch: live.WaitData(t, "3999")[0].ID.Epoch, Seq: 20}.String()
	live.Verify(t, numbers(0, 4000, 1))
	for _, restarted := range []bool{false, true} {
		if restarted {
			b.restart(t)
		}
		for set, want := range map[string]ledger.Audit{"/": numbers(20, 4000, 1), "/b": numbers(21, 4000, 2)} {
			r := b.open(t, set, had)
			r.WaitData(t, "3999")
			r.Verify(t, want)
			if g := r.WaitGap(t, 1); g.Reason != sse.GapExpired || g.Asked != had || len(r.Messages()) < 300/len(set) {
				t.Errorf("%s: received %d messages, and the gap event is %+v", set, len(r.Messages()), g)
			}
		}
	}
}

// TestTrimmedPerNamespace lets a busy namespace lose its old messages, some before they are
// delivered. It verifies that subscribers of a quiet namespace receive every message.
func TestTrimmedPerNamespace(t *testing.T) {
	b := startBench(t, "--nats-stream-per-namespace=100")
	live := b.subscribe(t, "/?last=100000")
	const step = 40 // every 40th message is in /quiet
	namespaces := []string{"/quiet"}
	for range step - 1 {
		namespaces = append(namespaces, "/busy")
	}
	publishMany(t, b.node, namespaces, 0, 2000)
	had := live.WaitData(t, "1999")[0].ID.String()
	for _, restarted := range []bool{false, true} {
		if restarted {
			b.restart(t)
		}
		r := b.open(t, "/quiet", had)
		r.WaitData(t, fmt.Sprint(2000-step))
		r.Verify(t, numbers(step, 2000, step))
		if restarted && len(r.Gaps()) > 0 { // a daemon that was not restarted may report a gap that does not exist
			t.Errorf("the subscriber of /quiet, which missed nothing, got the gap events %+v", r.Gaps())
		}
		all := b.open(t, "/", had)
		all.WaitData(t, "1999")
		all.Verify(t, numbers(1, 2000, 1))
		if restarted && len(all.Gaps()) == 0 {
			t.Error("there is no gap event, though the stream has dropped messages")
		}
	}
	// The tests may run with more event loops than CPUs.
	if lines := b.Logged("level=WARN") - b.Logged("more event loops than CPUs"); lines > 0 {
		t.Errorf("the log of the restarted daemon has %d warnings", lines)
	}
}

// TestDeleted deletes single messages: one in the middle, and the two newest.
func TestDeleted(t *testing.T) {
	b := startBench(t)
	live := b.subscribe(t, "/?last=1000")
	publishMany(t, b.node, []string{"/a"}, 0, 100)
	all := live.WaitData(t, "99")
	for _, number := range []uint64{50, 99, 100} {
		if err := b.stream(t).DeleteMsg(b.ctx, number); err != nil {
			t.Fatal(err)
		}
	}
	b.restart(t)
	newest := b.subscribeAfter(t, "/a", all[99].ID.String()) // it already has the newest message, so it gets no gap event
	for from, want := range map[int]string{19: all[99].ID.String(), 59: all[99].ID.String(), 99: ""} {
		r := b.open(t, "/a", all[from].ID.String())
		if want != "" {
			if g := r.WaitGap(t, 1); g.Reason != sse.GapExpired || g.CompleteAfter != want {
				t.Errorf("after message %d, the gap event is %+v", from, g)
			}
			r.WaitData(t, "97")
		}
		r.Verify(t, numbers(from+1, 100, 1))
	}
	publishMany(t, b.node, []string{"/a"}, 100, 101)
	newest.WaitData(t, "100")
	if len(newest.Messages()) != 1 || len(newest.Gaps()) > 0 {
		t.Errorf("the subscriber with the newest id got %v and the gaps %+v", newest.Messages(), newest.Gaps())
	}
}

// TestStreamRecreated deletes the stream, which the daemon or another program creates again. It
// verifies that all earlier ids are invalid, and that every subscriber gets a gap event.
func TestStreamRecreated(t *testing.T) {
	for _, by := range []string{"ssed", "another program"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			b := startBench(t)
			live := b.subscribe(t, "/?last=1000")
			publishMany(t, b.node, []string{"/a"}, 0, 100)
			before := live.WaitData(t, "99")
			config := b.stream(t).CachedInfo().Config
			if err := b.js.DeleteStream(b.ctx, "ssed"); err != nil {
				t.Fatal(err)
			}
			if by == "another program" {
				if _, err := b.js.CreateStream(b.ctx, config); err != nil {
					t.Fatal(err)
				}
			}
			g := live.WaitGap(t, 1)
			if g.Reason != sse.GapEpoch || g.Asked != before[99].ID.String() {
				t.Errorf("the gap is %+v", g)
			}
			publishMany(t, b.node, []string{"/a"}, 0, 5)
			after := live.WaitData(t, "4")
			if len(after) != 105 || after[100].ID.Epoch == before[0].ID.Epoch || after[100].ID.Seq != 1 || live.State().Streams != 1 {
				t.Errorf("received %[2]d messages on %[1]d connections, and %[3]v after the gap event", live.State().Streams, len(after), after[100])
			}
			r := b.open(t, "/", before[20].ID.String())
			r.WaitData(t, "4")
			if g := r.WaitGap(t, 1); g.Reason != sse.GapEpoch || len(r.Messages()) != 5 {
				t.Errorf("the subscriber that resumed got %v after %+v", r.Messages(), g)
			}
		})
	}
}

// TestPurgedBeforeRead purges messages that the daemon has not read yet. It verifies that a live
// subscriber gets a gap event for them.
func TestPurgedBeforeRead(t *testing.T) {
	testtool.Long(t, "the daemon checks its store every two seconds")
	const messages = 30_000
	b := startBench(t)
	live := b.subscribe(t, "/")
	publishMany(t, b.node, []string{"/a"}, 0, 1)
	live.WaitData(t, "0")
	if err := b.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < messages; i++ {
		// On a busy machine the server may need longer than the default of 200 ms to make room.
		if _, err := b.js.PublishAsync("ssed.a", fmt.Append(nil, i), jetstream.WithStallWait(testtool.Patience)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-b.js.PublishAsyncComplete():
	case <-b.ctx.Done():
		t.Fatal("the stream did not acknowledge the messages")
	}
	if err := b.stream(t).Purge(b.ctx, jetstream.WithPurgeKeep(10)); err != nil {
		t.Fatal(err)
	}
	if err := b.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	live.WaitData(t, fmt.Sprint(messages-1))
	live.Verify(t, numbers(0, messages, 1))
	if g := live.WaitGap(t, 1); g.Reason != sse.GapExpired || len(live.Messages()) < 11 {
		t.Errorf("received %d messages, and the gap event %+v", len(live.Messages()), g)
	}
	b.waitForLog(t, "level=WARN", "store dropped undelivered messages")
}
