package loop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// gapOf reads an event, which must be a gap event.
func gapOf(t testing.TB, r *bufio.Reader) (g sse.Gap) {
	t.Helper()
	e := nextEvent(t, r)
	if e.name != "gap" || json.Unmarshal([]byte(e.data), &g) != nil {
		t.Fatalf("got %+v, want a gap", e)
	}
	return g
}

// TestStoreGaps checks the gap events for messages that a store has deleted.
func TestStoreGaps(t *testing.T) {
	h := newMemStore()
	first := serveStore(t, h, ssed.Options{})
	publishTo(t, first, "/x", "1", "2", "3")
	publishTo(t, first, "/y", "4")
	publishTo(t, first, "/x", "5")
	h.set(func() { h.gone[2] = true })
	s := serveStore(t, h, ssed.Options{})

	_, r := resumeFrom(t, s, "/subscribe/x", "store-1")
	if g := gapOf(t, r); g != (sse.Gap{Reason: sse.GapExpired, Asked: "store-1", Oldest: "store-3", CompleteAfter: "store-2", Newest: "store-5"}) {
		t.Errorf("after deleted messages: %+v", g)
	}
	expectData(t, r, "3", "5")
	_, r = resumeFrom(t, s, "/subscribe/x", "store-2")
	expectData(t, r, "3", "5") // without a gap event
	_, r = resumeFrom(t, s, "/subscribe/y", "store-1")
	expectData(t, r, "4") // the deleted message belongs to another namespace
	_, r = resumeFrom(t, s, "/subscribe/x", "other-4")
	if g := gapOf(t, r); g != (sse.Gap{Reason: sse.GapEpoch, Asked: "other-4", Oldest: "store-1", CompleteAfter: "store-2", Newest: "store-5"}) {
		t.Errorf("with an id of another epoch: %+v", g)
	}
	expectData(t, r, "1", "3", "5")
	_, r = resumeFrom(t, s, "/subscribe/x?last=2", "nonsense")
	if g := gapOf(t, r); g.Reason != sse.GapMalformed || g.Oldest != "store-3" {
		t.Errorf("without an id: %+v", g)
	}
	expectData(t, r, "3", "5")
}

// TestStoreSkips verifies that all connected subscribers get a gap event if the store leaves out
// numbers, or if it begins another epoch.
func TestStoreSkips(t *testing.T) {
	ctx := context.Background()
	s := serve(t, ssed.Options{Store: newMemStore()})
	in := s.StoreSink()
	for _, err := range []error{in.Begin(ctx, "one", 7), in.Live(ctx)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	until(t, s, "the store has begun", func(st ssed.Stats) bool { return st.Newest == 7 })
	_, quiet := subscribe(t, s, "/subscribe/quiet")
	_, r := subscribe(t, s, "/subscribe/x")
	deliver := func(seq uint64, data string) {
		if err := in.Deliver(ctx, seq, []byte("/x"), nil, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	deliver(7, "old")
	deliver(8, "eight")
	deliver(8, "again")
	if err := in.Skip(ctx, 9); err != nil {
		t.Fatal(err)
	}
	deliver(10, "ten")
	deliver(15, "fifteen")
	if id := expectData(t, r, "eight", "ten"); id != "one-10" {
		t.Errorf("the id is %q", id)
	}
	for _, r := range []*bufio.Reader{r, quiet} {
		if g := gapOf(t, r); g != (sse.Gap{Reason: sse.GapExpired, Asked: "one-10", CompleteAfter: "one-14", Newest: "one-14"}) {
			t.Errorf("the gap event for the missing numbers is %+v", g)
		}
	}
	if id := expectData(t, r, "fifteen"); id != "one-15" {
		t.Errorf("the id is %q", id)
	}
	if err := in.Begin(ctx, "two", 3); err != nil {
		t.Fatal(err)
	}
	deliver(4, "four")
	for _, r := range []*bufio.Reader{r, quiet} {
		if g := gapOf(t, r); g != (sse.Gap{Reason: sse.GapEpoch, Asked: "one-15", CompleteAfter: "two-3", Newest: "two-3"}) {
			t.Errorf("the gap event for another epoch is %+v", g)
		}
	}
	if id := expectData(t, r, "four"); id != "two-4" {
		t.Errorf("the id is %q", id)
	}
}

// TestStoreHolesAreReportedToNewSubscribers verifies that missing numbers are also reported to
// subscribers that connect after the others got the gap event.
func TestStoreHolesAreReportedToNewSubscribers(t *testing.T) {
	ctx := context.Background()
	h := newMemStore()
	h.set(func() { h.messages = make([]sse.Message, 20) })
	s := serve(t, ssed.Options{Store: h})
	in := s.StoreSink()
	deliver := func(seq uint64) {
		if err := in.Deliver(ctx, seq, []byte("/x"), nil, fmt.Append(nil, seq)); err != nil {
			t.Fatal(err)
		}
		until(t, s, "the message is delivered", func(st ssed.Stats) bool { return st.Newest == seq })
	}
	for _, err := range []error{in.Begin(ctx, "store", 0), in.Live(ctx)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	deliver(1)
	_, early := subscribe(t, s, "/subscribe/x")
	deliver(5)
	_, late := subscribe(t, s, "/subscribe/x")
	deliver(9)
	deliver(20)
	_, after := subscribe(t, s, "/subscribe/x")
	deliver(21)
	for _, tt := range []struct {
		r     *bufio.Reader
		asked string
		data  []string
	}{
		{early, "store-1", []string{"5", "9", "20", "21"}},
		{late, "store-5", []string{"9", "20", "21"}},
	} {
		if g := gapOf(t, tt.r); g != (sse.Gap{Reason: sse.GapExpired, Asked: tt.asked, CompleteAfter: "store-20", Newest: "store-20"}) {
			t.Errorf("a subscriber that resumed from %s got %+v", tt.asked, g)
		}
		expectData(t, tt.r, tt.data...)
	}
	expectData(t, after, "21")
}
