package loop_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// Tests of changes in a store while a client resumes.

// began runs a server whose store is live, but delivers no messages on its own.
func began(t testing.TB, h *memStore, opts ssed.Options, newest uint64) (*ssed.Server, ssed.StoreSink) {
	t.Helper()
	opts.Store = h
	s := serve(t, opts)
	in := s.StoreSink()
	if err := errors.Join(in.Begin(t.Context(), h.epoch, newest), in.Live(t.Context())); err != nil {
		t.Fatal(err)
	}
	until(t, s, "the store has begun", func(st ssed.Stats) bool { return st.Newest == newest })
	return s, in
}

// fill puts n messages into a store. The data of each contains its number.
func fill(h *memStore, ns, what string, n int) {
	h.set(func() {
		for range n {
			h.messages = append(h.messages, sse.Message{Namespace: ns, Data: fmt.Append(nil, what, len(h.messages)+1)})
		}
	})
}

// dataOf returns the data of the messages with the given numbers.
func dataOf(what string, from, to int) (data []string) {
	for n := from; n <= to; n++ {
		data = append(data, fmt.Sprint(what, n))
	}
	return data
}

// TestStoreStartsNewEpochDuringReplay verifies that a subscriber is disconnected if the store
// begins a new epoch during its replay, and that no other subscriber gets messages that were read
// before.
func TestStoreStartsNewEpochDuringReplay(t *testing.T) {
	eachLoops(t, 2, storeStartsNewEpochDuringReplay)
}

func storeStartsNewEpochDuringReplay(t *testing.T, loops int) {
	h := newMemStore()
	fill(h, "/x", "old ", 20)
	s, in := began(t, h, ssed.Options{Loops: loops}, 20)
	_, r := resumeFrom(t, s, "/subscribe/x", "store-12")
	expectData(t, r, dataOf("old ", 13, 20)...) // kept for the next subscriber
	slow := make(chan struct{})
	h.set(func() { h.slow = slow })
	_, waiting := resumeFrom(t, s, "/subscribe/x", "store-5")
	testtool.WaitFor(t, "the store is read", func() bool { return h.readsSoFar() == 2 })

	h.set(func() { h.messages, h.epoch = nil, "new" })
	fill(h, "/x", "new ", 20)
	if err := in.Begin(t.Context(), "new", 20); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(waiting)
	if !strings.HasPrefix(string(rest), "retry:") || strings.Contains(string(rest), "data:") || err != nil {
		t.Errorf("in the middle of a replay: got %q, %v", rest, err)
	}
	_, again := resumeFrom(t, s, "/subscribe/x", "new-5") // while the old epoch is still being read
	close(slow)
	expectData(t, again, dataOf("new ", 6, 20)...)
	_, again = resumeFrom(t, s, "/subscribe/x", "new-12")
	if id := expectData(t, again, dataOf("new ", 13, 20)...); id != "new-20" {
		t.Errorf("the id is %q", id)
	}
}

// TestStoreTrim verifies that no subscriber gets messages that the store has deleted, even if the
// server has read them before.
func TestStoreTrim(t *testing.T) { eachLoops(t, 2, storeTrim) }

func storeTrim(t *testing.T, loops int) {
	h := newMemStore()
	fill(h, "/x", "", 9)
	s, in := began(t, h, ssed.Options{Loops: loops}, 9)
	_, r := resumeFrom(t, s, "/subscribe/x", "store-2")
	expectData(t, r, dataOf("", 3, 9)...)
	h.set(func() { h.gone[3], h.gone[4] = true, true })
	if err := in.Trim(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stats(t.Context()); err != nil { // all loops have processed their mailboxes
		t.Fatal(err)
	}
	_, r = resumeFrom(t, s, "/subscribe/x", "store-2")
	if g := gapOf(t, r); g.CompleteAfter != "store-4" {
		t.Errorf("the gap is %+v", g)
	}
	expectData(t, r, dataOf("", 5, 9)...)
}

// TestStoreHoles covers a store that keeps a few messages per namespace, so that many numbers are
// missing. They are reported once, and not at all to a server that is not live yet.
func TestStoreHoles(t *testing.T) {
	h := newMemStore()
	log := &logbook{}
	s := serve(t, ssed.Options{Store: h, Logger: slog.New(slog.NewTextHandler(log, nil))})
	in := s.StoreSink()
	deliver := func(seq uint64) {
		if err := in.Deliver(t.Context(), seq, []byte("/x"), nil, fmt.Append(nil, seq)); err != nil {
			t.Fatal(err)
		}
	}
	in.Begin(t.Context(), "store", 0)
	for seq := uint64(3); seq < 100; seq += 3 {
		deliver(seq)
	}
	in.Live(t.Context())
	until(t, s, "the store has begun", func(st ssed.Stats) bool { return st.Newest == 99 })
	_, r := subscribe(t, s, "/subscribe/x")
	fill(h, "/x", "", 200)
	for seq := uint64(103); seq <= 203; seq += 4 {
		deliver(seq)
	}
	if g := gapOf(t, r); g != (sse.Gap{Reason: sse.GapExpired, Asked: "store-99", CompleteAfter: "store-200", Newest: "store-200"}) {
		t.Errorf("the gap is %+v", g)
	}
	for seq := 103; seq < 200; seq += 4 {
		expectData(t, r, fmt.Sprint(seq))
	}
	if g := gapOf(t, r); g.Asked != "store-199" || g.CompleteAfter != "store-202" {
		t.Errorf("the second gap event is %+v", g)
	}
	until(t, s, "the log reports the dropped messages", func(ssed.Stats) bool { return strings.Contains(log.String(), "dropped undelivered messages") })
	if n := strings.Count(log.String(), "dropped undelivered messages"); n > 2 { // at most one line per second
		t.Errorf("the log reports the dropped messages in %d lines, want at most 2: %s", n, log)
	}
}

// nextEventName returns the name of the next event, or "" if the stream ends before it.
func nextEventName(r *bufio.Reader) string {
	for {
		text, err := r.ReadString('\n')
		if name, ok := strings.CutPrefix(text, "event:"); ok || err != nil {
			return strings.TrimSpace(name)
		}
	}
}

// TestStoreBacklogOfReplays verifies that unsent rests of long messages, for subscribers that do
// not read, count towards the backlog.
func TestStoreBacklogOfReplays(t *testing.T) {
	h := newMemStore()
	fill(h, "/x", strings.Repeat("y", 100_000), 3)
	s, _ := began(t, h, ssed.Options{DataBytesMax: 110_000, BacklogBytesMax: 1 << 20, BacklogTotalBytesMax: 1 << 20, SendBufferBytes: 16 << 10}, 3)
	for range 40 {
		c := subscribeThin(t, s, "/subscribe/x?last_event_id=store-0")
		defer c.Close()
	}
	until(t, s, "some subscribers are evicted", func(st ssed.Stats) bool { return st.Ended["evicted"] >= 10 })
}

// TestStoreShutdownWaitsForDelivery verifies that Shutdown waits for a message that the store has
// acknowledged but not yet delivered.
func TestStoreShutdownWaitsForDelivery(t *testing.T) {
	t.Parallel()
	h := newMemStore()
	s, in := began(t, h, ssed.Options{}, 0)
	_, r := subscribe(t, s, "/subscribe/x")
	began := time.Now()
	until(t, s, "the server has run for longer than Shutdown waits for deliveries", func(ssed.Stats) bool { return time.Since(began) > 1200*time.Millisecond })
	publishAll(t, s, sse.Message{Namespace: "/x", Data: []byte("last words")})
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	until(t, s, "the server is stopping", func(st ssed.Stats) bool { return st.Stopping })
	if err := in.Deliver(t.Context(), 1, []byte("/x"), nil, []byte("last words")); err != nil {
		t.Error(err)
	}
	expectData(t, r, "last words")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestStoreShutdownDuringARead verifies that a client that waits for the store gets a reconnection
// time at shutdown, and that the read of the store is canceled.
func TestStoreShutdownDuringARead(t *testing.T) {
	h := newMemStore()
	fill(h, "/x", "", 5)
	h.set(func() { h.slow = make(chan struct{}) })
	s, _ := began(t, h, ssed.Options{Drain: -1}, 5)
	_, r := resumeFrom(t, s, "/subscribe/x", "store-2")
	testtool.WaitFor(t, "the store is read", func() bool { return h.readsSoFar() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(r); !strings.HasPrefix(string(rest), "retry:") || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
	testtool.WaitFor(t, "the read ends", func() bool { return h.readsEnded() == 1 })
}

// TestStoreTrimsDuringAReplay verifies that messages deleted between two parts of a replay are
// reported with a gap event, also to subscribers without an id.
func TestStoreTrimsDuringAReplay(t *testing.T) {
	testtool.Long(t, "a replay waits for a slow reader")
	t.Parallel()
	h := newMemStore()
	fill(h, "/x", strings.Repeat("y", 100_000), 60)
	s, _ := began(t, h, ssed.Options{SendBufferBytes: 16 << 10}, 60)
	_, r := subscribe(t, s, "/subscribe/x?last=50")
	testtool.WaitFor(t, "the store is read", func() bool { return h.readsSoFar() > 0 })
	h.set(func() { h.gone[58] = true })
	if name := nextEventName(r); name != "gap" {
		t.Errorf("got %.40q, want a gap event", name)
	}
}

// TestStoreReplayEndsWhereItsStreamBegins drops messages from the window that were not yet sent to
// a slow reader, and more, up to the end of the replay of a later subscriber. The slow reader must
// get each message once, because the Store is read only up to the beginning of its stream.
func TestStoreReplayEndsWhereItsStreamBegins(t *testing.T) {
	eachLoops(t, 2, storeReplayEndsWhereItsStreamBegins)
}

func storeReplayEndsWhereItsStreamBegins(t *testing.T, loops int) {
	testtool.Long(t, "7 MB go through a slow reader")
	t.Parallel()
	const missed, live, later = 300, 50, 400
	h := newMemStore()
	s, in := began(t, h, ssed.Options{Loops: loops, SendBufferBytes: 8 << 10, HistoryBytesMax: 3_200_000}, 0)
	what := strings.Repeat("x", 10_000)
	deliver := func(n int) {
		t.Helper()
		newest := h.Newest() + uint64(n)
		fill(h, "/x", what, n)
		for seq := newest - uint64(n) + 1; seq <= newest; seq++ {
			if err := in.Deliver(t.Context(), seq, []byte("/x"), nil, fmt.Append(nil, what, seq)); err != nil {
				t.Fatal(err)
			}
		}
		untilNewest(t, s, newest)
	}
	deliver(missed)
	_, slow := resumeFrom(t, s, "/subscribe/x", "store-1")
	until(t, s, "the subscriber is blocked", func(st ssed.Stats) bool { return st.Blocked == 1 })
	deliver(live)
	c, other := resumeFrom(t, s, "/subscribe/x", fmt.Sprint("store-", missed+live-10))
	expectData(t, other, dataOf(what, missed+live-9, missed+live)...)
	c.Close()
	deliver(later)
	expectData(t, slow, dataOf(what, 2, missed+live+later)...)
}

// TestStoreDoesNotReadForDisconnected verifies that the store is not read for clients that
// disconnected while they waited for the reads of others.
func TestStoreDoesNotReadForDisconnected(t *testing.T) {
	const atOnce = 16
	h := newMemStore()
	fill(h, "/x", "", 100)
	slow := make(chan struct{})
	h.set(func() { h.slow = slow })
	s, _ := began(t, h, ssed.Options{}, 100)
	for n := range atOnce {
		resumeFrom(t, s, "/subscribe/x", fmt.Sprintf("store-%d", n))
	}
	testtool.WaitFor(t, "all reads that may be", func() bool { return h.readsSoFar() == atOnce })
	for n := atOnce; n < 80; n++ {
		c, _ := resumeFrom(t, s, "/subscribe/x", fmt.Sprintf("store-%d", n))
		c.Close()
	}
	until(t, s, "the other clients have disconnected", func(st ssed.Stats) bool { return st.Subscribers == atOnce })
	_, r := resumeFrom(t, s, "/subscribe/x", "store-97")
	close(slow)
	expectData(t, r, "98", "99", "100")
	if n := h.readsSoFar(); n != atOnce+1 {
		t.Errorf("the store was read %d times for %d connected subscribers", n, atOnce+1)
	}
}

// TestStorePublishersWithoutReplies verifies that a publisher that half-closes, or sends QUIT,
// while its requests wait gets all of its replies in order, and is then disconnected.
func TestStorePublishersWithoutReplies(t *testing.T) {
	for _, end := range []string{"QUIT\n", ""} {
		h := newMemStore()
		h.fullAt = 1
		s := serveStore(t, h, ssed.Options{})
		h.hold(true)
		first := dial(t, s.PublishAddrs()[0])
		io.WriteString(first, "PUB /x - first\n")
		testtool.WaitFor(t, "the store is full", h.Full)
		p := dial(t, s.PublishAddrs()[0])
		io.WriteString(p, "PING\nPUBN /x - 10\nPING\nPING\n\nPING\nPUB /x - last\nPING\n"+end)
		if end == "" {
			p.(*net.TCPConn).CloseWrite()
		}
		expect(t, p, "PONG\n")
		h.hold(false)
		want := "OK 2\nPONG\nOK 3\nPONG\n"
		if end != "" {
			want += "OK\n"
		}
		if got, err := io.ReadAll(p); string(got) != want || err != nil {
			t.Errorf("%q: got %q, %v", end, got, err)
		}
	}
}
