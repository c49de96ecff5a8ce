package loop

import (
	"context"
	"log/slog"
	"testing"

	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// twoLoops returns two loops of one daemon that keep messages, except for those of /live, and that
// do not run.
func twoLoops(t *testing.T) (loops [2]*Loop) {
	t.Helper()
	opts := Config{
		History: []HistoryRule{{Prefix: "/live"}, {Prefix: "/", Messages: 100}}, HistoryBytesMax: 1 << 20, MailboxBytesMax: 1 << 20,
		BacklogBytesMax: 1 << 20, BacklogTotalBytesMax: 1 << 20, Logger: slog.New(slog.DiscardHandler),
	}
	shared := NewShared(&opts, len(loops))
	for i := range loops {
		l, err := New(opts, shared)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		loops[i] = l
	}
	return loops
}

// TestResumeOnALoopThatIsBehind verifies that a client does not get a gap or a message twice if it
// reconnects to a loop that has yet to deliver the newest message that the client has.
func TestResumeOnALoopThatIsBehind(t *testing.T) {
	loops := twoLoops(t)
	publish := func(namespace string) {
		if err := loops[0].PublishMessage(context.Background(), namespace, sse.Message{Namespace: namespace, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	publish("/pets")
	for _, l := range loops {
		l.emptyMailbox()
	}
	publish("/pets")
	publish("/live")        // it is not kept, but a gap event may name it as the newest message
	loops[0].emptyMailbox() // loop 1 is two messages behind

	pets, err := nsindex.NewSet("/pets")
	if err != nil {
		t.Fatal(err)
	}
	resume := func(l *Loop, seq uint64) resumePoint {
		id := sse.ID{Epoch: loops[0].window.epoch, Seq: seq}.String()
		return l.sequencer.resume(l, subreq.Resume{ID: []byte(id), Last: -1, Since: -1}, pets)
	}
	for _, tt := range []struct {
		name         string
		loop         int
		seq          uint64
		tooEarly     bool
		phase        phase
		after, until uint64
		gap          string
	}{
		{"on the same loop", 0, 3, false, phaseLive, 3, 3, ""},
		{"missed some, on the same loop", 0, 1, false, phaseKept, 1, 3, ""},
		{"a message that the loop has delivered", 1, 1, false, phaseLive, 1, 1, ""},
		{"a message that the loop has yet to deliver", 1, 2, true, phaseLive, 0, 0, ""},
		{"the newest message of all", 1, 3, true, phaseLive, 0, 0, ""},
		{"a message that does not exist", 1, 4, false, phaseLive, 1, 1, sse.GapMalformed},
		{"the same, on the first loop", 0, 4, false, phaseLive, 3, 3, sse.GapMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := resume(loops[tt.loop], tt.seq)
			gap := ""
			if p.gap != nil {
				gap = p.gap.Reason
			}
			if p.tooEarly != tt.tooEarly || p.phase != tt.phase || p.after != tt.after || p.until != tt.until || gap != tt.gap {
				t.Errorf("early=%v phase=%v after=%v until=%v gap=%q; want %v %v %v %v %q",
					p.tooEarly, p.phase, p.after, p.until, gap, tt.tooEarly, tt.phase, tt.after, tt.until, tt.gap)
			}
		})
	}

	newest := sse.ID{Epoch: loops[0].window.epoch, Seq: 3}.String()
	ask := &subreq.Request{Resume: subreq.Resume{ID: []byte(newest), Last: -1, Since: -1}, Set: pets}
	if p := loops[1].findResumePoint(ask); p.tooEarly || p.gap != nil || p.after != 3 {
		t.Errorf("although the message was in the mailbox of the loop, the client gets %+v", p)
	}
}

// TestHistoryThatBeginsAgain verifies that a loop does not use the shared history between a new
// beginning and the record that tells the loop about it.
func TestHistoryThatBeginsAgain(t *testing.T) {
	for _, tt := range []struct {
		name, epoch string
		newest      uint64
	}{{"another epoch", "b", 9}, {"a smaller number in the same epoch", "a", 3}} {
		h := newSharedHistory(window{kept: keepAll(1 << 20), epoch: "a"}, 1<<20, 2)
		h.skipTo(7)
		w := window{shared: h, epoch: "a", newest: 7}
		check := func(when string, want bool) {
			t.Helper()
			if ok := w.acquire(); ok != want {
				t.Errorf("%s, %s: acquire returns %v, want %v", tt.name, when, ok, want)
			}
			w.release()
		}
		check("before", true)
		if !h.begin(tt.epoch, tt.newest, 7) {
			t.Errorf("%s: the history did not begin again", tt.name)
		}
		check("before the record", false)
		w.epoch, w.newest = tt.epoch, tt.newest
		check("after the record", true)
	}
}
