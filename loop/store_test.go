package loop_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// TestStoreAnswersPublishersInOrder verifies that replies are in the order of the requests,
// although the store answers late, and that a publisher that waits does not block others.
func TestStoreAnswersPublishersInOrder(t *testing.T) {
	h := newMemStore()
	s := serveStore(t, h, ssed.Options{})
	_, r := subscribe(t, s, "/subscribe/x")
	h.hold(true)
	p := dial(t, s.PublishAddrs()[0])
	io.WriteString(p, "PUB /x - one\nPING\nPUB /x - refuse me\nnonsense\nKEY k\nPUB /x a two\nQUIET on\nPUB /x - three\nPUB /x - refuse me\nQUIT\n")
	// Other publishers are not blocked.
	other := dial(t, s.PublishAddrs()[0])
	io.WriteString(other, "PING\n")
	expect(t, other, "PONG\n")
	h.hold(false)
	replies := bufio.NewReader(p)
	for _, want := range []string{"OK 1", "PONG", "ERR busy the store refuses it", "ERR syntax ", "OK", "OK 2", "OK", "ERR busy ", "OK"} {
		if got := line(t, replies); !strings.HasPrefix(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if rest, err := io.ReadAll(replies); len(rest) > 0 || err != nil {
		t.Errorf("after QUIT: %q, %v", rest, err)
	}
	if id := expectData(t, r, "one", "two", "three"); id != "store-3" {
		t.Errorf("the last id is %q", id)
	}
	if h.message(2).Key != "k" || h.message(3).Key != "" {
		t.Errorf("the keys are %q and %q", h.message(2).Key, h.message(3).Key)
	}
}

// TestStoreAnswersHalfClosedPublishers verifies that a publisher gets its replies after it has
// closed its sending side, as printf ... | nc does immediately.
func TestStoreAnswersHalfClosedPublishers(t *testing.T) {
	h := newMemStore()
	s := serveStore(t, h, ssed.Options{})
	h.hold(true)
	p := dial(t, s.PublishAddrs()[0])
	io.WriteString(p, "PUB /x - one\n")
	p.(*net.TCPConn).CloseWrite()
	until(t, s, "the publisher is connected", func(st ssed.Stats) bool { return st.Publishers == 1 })
	for len(waitingAt(h)) == 0 {
		time.Sleep(time.Millisecond)
	}
	h.hold(false)
	if got, err := io.ReadAll(p); string(got) != "OK 1\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func waitingAt(h *memStore) []func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

// TestStoreHoldsPublishersBack verifies that publishers wait in their sockets while the store
// accepts no more messages, and that no message is lost.
func TestStoreHoldsPublishersBack(t *testing.T) {
	const publishers, each = 5, 3000
	h := newMemStore()
	h.fullAt = 100
	s := serveStore(t, h, ssed.Options{})
	_, r := subscribe(t, s, "/subscribe/")
	h.hold(true)
	var all sync.WaitGroup
	for i := range publishers {
		p := dial(t, s.PublishAddrs()[0])
		all.Go(func() {
			var text strings.Builder
			for n := range each {
				fmt.Fprintf(&text, "PUB /p%d - %d\n", i, n)
			}
			io.WriteString(p, text.String())
		})
		all.Go(func() {
			replies := bufio.NewReader(p)
			for range each {
				if reply, err := replies.ReadString('\n'); !strings.HasPrefix(reply, "OK ") {
					t.Errorf("got %q, %v", reply, err)
					return
				}
			}
		})
	}
	for len(waitingAt(h)) < 100 {
		time.Sleep(time.Millisecond)
	}
	h.hold(false)
	last := map[string]int{}
	for range publishers * each {
		e := nextEvent(t, r)
		ns := h.message(seqOf(t, e.id)).Namespace
		if want := fmt.Sprint(last[ns]); e.data != want {
			t.Fatalf("%s: got %q, want %q", ns, e.data, want)
		}
		last[ns]++
	}
	all.Wait()
}

func seqOf(t testing.TB, id string) (seq uint64) {
	t.Helper()
	if n, _ := fmt.Sscanf(id, "store-%d", &seq); n != 1 {
		t.Fatalf("the id is %q", id)
	}
	return seq
}

// TestStorePublish covers Go programs, and publishers on a separate loop.
func TestStorePublish(t *testing.T) {
	t.Parallel()
	h := newMemStore()
	s := serveStore(t, h, ssed.Options{})
	publishAll(t, s, sse.Message{Namespace: "/x", Data: []byte("one")})
	if h.Newest() != 1 {
		t.Error("Publish returned before the store had the message")
	}
	if err := s.Publish(context.Background(), sse.Message{Namespace: "/x", Data: []byte("refuse me")}); err == nil {
		t.Error("Publish succeeded for a message that the store refuses")
	}
	h.hold(true)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := s.Publish(ctx, sse.Message{Namespace: "/x", Data: []byte("two")}); err != context.DeadlineExceeded {
		t.Errorf("while the store does not answer: %v", err)
	}
	h.hold(false)
	own, cfg := s.Publishers()
	sink := own.(publish.Settler)
	session := publish.NewSession(&cfg)
	var replies publish.Replies
	out, _ := session.Feed([]byte("PUB /x - a\nPING\nPUB /x - refuse me\nPUB /x - b\n"), sink, nil)
	replies.Add(session, out)
	sink.Settle(&replies)
	if got := string(replies.Take(nil)); got != "OK 3\nPONG\nERR busy the store refuses it\nOK 4\n" {
		t.Errorf("the replies are %q", got)
	}
}

// TestStoreReplay lets clients connect and disconnect at several servers of one store. Some servers
// began late and keep few messages. A client that reconnects to any server must get the messages
// that it missed, once and in order.
func TestStoreReplay(t *testing.T) { eachLoops(t, 3, storeReplay) }

func storeReplay(t *testing.T, loops int) {
	random := rand.New(rand.NewPCG(9, 9))
	h := newMemStore()
	servers := []*ssed.Server{serveStore(t, h, ssed.Options{Loops: loops, HistoryBytesMax: 20_000})}
	namespaces := []string{"/a", "/a/b", "/c", "/c/d/e", "/f"}
	publishSome := func(n int) {
		for range n {
			ns := namespaces[random.IntN(len(namespaces))]
			data := fmt.Sprint(h.Newest()+1, strings.Repeat("x", random.IntN(400)))
			publishAll(t, servers[0], sse.Message{Namespace: ns, Data: []byte(data)})
		}
	}
	for round := range 40 {
		publishSome(50)
		if round%10 == 5 {
			servers = append(servers, serveStore(t, h, ssed.Options{Loops: loops, HistoryBytesMax: 5000 * (1 + random.IntN(20))}))
		}
		s := servers[random.IntN(len(servers))]
		untilNewest(t, s, h.Newest())
		set := []string{"/a", "/c", "/", "/c/d", "/none"}[random.IntN(5)]
		target, after := "/subscribe"+set, h.Newest()
		switch random.IntN(3) {
		case 0:
			last := random.IntN(300)
			target += fmt.Sprintf("?last=%d", last)
			for n := 0; after > 0; after-- {
				if covers([]string{set}, h.message(after).Namespace) {
					if n++; n > last {
						break
					}
				}
			}
		default:
			after = uint64(random.IntN(int(h.Newest() + 1)))
			target += fmt.Sprintf("?last_event_id=store-%d", after)
		}
		c, r := subscribe(t, s, target)
		publishSome(3)
		publishAll(t, servers[0], sse.Message{Namespace: "/none", Data: []byte("end")})
		for seq := after + 1; seq <= h.Newest(); seq++ {
			m := h.message(seq)
			if !covers([]string{set}, m.Namespace) {
				continue
			}
			if e := nextEvent(t, r); e.data != string(m.Data) || seqOf(t, e.id) != seq {
				t.Fatalf("round %d, %s: got %.40q with %s, want %.40q with %d", round, target, e.data, e.id, m.Data, seq)
			}
		}
		c.Close()
	}
}

// TestStoreReplayIsShared verifies that clients that missed the same messages share one read of the
// store.
func TestStoreReplayIsShared(t *testing.T) {
	const clients = 300
	h := newMemStore()
	first := serveStore(t, h, ssed.Options{})
	for i := range 500 {
		publishAll(t, first, sse.Message{Namespace: "/x", Data: fmt.Appendf(nil, "%d %s", i, strings.Repeat("y", 1000))})
	}
	s := serveStore(t, h, ssed.Options{})
	var all sync.WaitGroup
	for range clients {
		_, r := subscribe(t, s, "/subscribe/x?last_event_id=store-10")
		all.Go(func() {
			for i := 10; i < 500; i++ {
				if e := nextEvent(t, r); !strings.HasPrefix(e.data, fmt.Sprint(i, " ")) {
					t.Errorf("got %.40q, want %d", e.data, i)
					return
				}
			}
		})
	}
	all.Wait()
	if reads := h.readsSoFar(); reads > clients/4 { // the replay has 8 parts
		t.Errorf("for %d clients with the same request, the store was read %d times", clients, reads)
	}
}

// wantRetryAfter expects a stream that contains only a reconnection time in the given range.
func wantRetryAfter(t testing.TB, s *ssed.Server, target string, soonest, latest time.Duration) {
	t.Helper()
	_, r := subscribe(t, s, target)
	rest, err := io.ReadAll(r)
	var ms int
	if n, _ := fmt.Sscanf(string(rest), "retry:%d\n\n", &ms); n != 1 || err != nil {
		t.Fatalf("%s: got %q, %v", target, rest, err)
	}
	if after := time.Duration(ms) * time.Millisecond; after < soonest || after > latest {
		t.Errorf("the reconnection time is %v", after)
	}
}

// TestStoreTurnsClientsAway verifies that clients get a reconnection time while a server cannot
// serve them: before its store is live, or before it has received the message of their id.
func TestStoreTurnsClientsAway(t *testing.T) {
	h := newMemStore()
	early := serve(t, ssed.Options{Store: h})
	wantRetryAfter(t, early, "/subscribe/x", time.Second, 10*time.Second)

	s := serveStore(t, h, ssed.Options{})
	publishTo(t, s, "/x", "1", "2")
	late := serve(t, ssed.Options{Store: h})
	in := late.StoreSink() // it receives no other messages
	if err := errors.Join(in.Begin(context.Background(), "store", 2), in.Live(context.Background())); err != nil {
		t.Fatal(err)
	}
	until(t, late, "the store has begun", func(st ssed.Stats) bool { return st.Newest == 2 })
	publishTo(t, s, "/x", "3")
	wantRetryAfter(t, late, "/subscribe/x?last_event_id=store-3", 0, time.Second)

	// This server does not know the store's newest number, so it does not know of 3. The store
	// does.
	h.set(func() { h.quiet = true })
	wantRetryAfter(t, late, "/subscribe/x?last_event_id=store-3", 0, time.Second)
	_, r := subscribe(t, late, "/subscribe/x?last_event_id=store-4")
	if g := gapOf(t, r); g != (sse.Gap{Reason: sse.GapMalformed, Asked: "store-4", Newest: "store-2"}) {
		t.Errorf("the gap event for an id without a message: %+v", g)
	}
	if err := in.Deliver(context.Background(), 3, []byte("/x"), nil, []byte("3")); err != nil {
		t.Fatal(err)
	}
	expectData(t, r, "3")

	h.set(func() { h.down = true })
	wantRetryAfter(t, late, "/subscribe/x?last_event_id=store-1", time.Second, 10*time.Second)
	until(t, late, "the disconnects are counted", func(st ssed.Stats) bool { return st.Ended["store"] == 2 })
}

// TestStoreShutdown verifies that messages that publishers got OK for are delivered before the end.
func TestStoreShutdown(t *testing.T) {
	h := newMemStore()
	s := serveStore(t, h, ssed.Options{})
	_, r := subscribe(t, s, "/subscribe/x")
	h.hold(true)
	p := dial(t, s.PublishAddrs()[0])
	io.WriteString(p, "PUB /x - last words\n")
	for len(waitingAt(h)) == 0 {
		time.Sleep(time.Millisecond)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	until(t, s, "the server is stopping", func(st ssed.Stats) bool { return st.Stopping })
	io.WriteString(dial(t, s.PublishAddrs()[0]), "")
	h.hold(false)
	expect(t, p, "OK 1\n")
	expectData(t, r, "last words")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
