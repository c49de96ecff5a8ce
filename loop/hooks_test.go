package loop_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// A book records the calls of hooks, in order.
type book struct {
	mu      sync.Mutex
	entries []entry
	missed  changes
}

// changes counts the calls that were dropped.
type changes struct{ came, went int }

type entry struct {
	of     ssed.SubscriberInfo
	reason string // empty: the subscriber connected
}

func (b *book) add(e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, e)
}

func (b *book) read() (entries []entry, missed changes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.entries), b.missed
}

// keep returns opts with hooks that record their calls in the book.
func (b *book) keep(opts ssed.Options) ssed.Options {
	opts.OnSubscribe = func(c ssed.SubscriberInfo) { b.add(entry{of: c}) }
	opts.OnUnsubscribe = func(c ssed.SubscriberInfo, reason string) { b.add(entry{c, reason}) }
	opts.OnUnreported = func(came, went int) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.missed = changes{b.missed.came + came, b.missed.went + went}
	}
	return opts
}

// await waits for n entries.
func (b *book) await(t *testing.T, n int) []entry {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if got, _ := b.read(); len(got) >= n {
			return got
		} else if time.Now().After(deadline) {
			t.Fatalf("the hooks were called %d times, want %d: %+v", len(got), n, got)
		}
	}
}

// TestHooksReportSubscribers checks the arguments of the hooks for a subscriber that connects,
// disconnects, or is disconnected, and that a HEAD calls no hook.
func TestHooksReportSubscribers(t *testing.T) {
	var b book
	s := serve(t, b.keep(ssed.Options{TrustedProxies: []string{"127.0.0.1"}}))
	c := dial(t, s.ListenAddrs()[0])
	fmt.Fprint(c, "GET /subscribe?ns=/time&ns=/pets HTTP/1.1\r\nHost: x\r\nUser-Agent: curl\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n")
	came := b.await(t, 1)[0]
	if of := came.of; of.Agent != "curl" || of.ForwardedAddr.String() != "192.0.2.7" || of.Peer.String() != c.LocalAddr().String() ||
		!slices.Equal(of.Namespaces, []string{"/pets", "/time"}) || of.Messages != 0 || came.reason != "" {
		t.Errorf("OnSubscribe got %+v", came)
	}
	publishAll(t, s, sse.Message{Namespace: "/time"}, sse.Message{Namespace: "/pets/dogs"}, sse.Message{Namespace: "/other"})
	r := bufio.NewReader(c)
	readHead(t, r)
	expect(t, r, "data:\n\ndata:\n\n")
	c.Close()
	went := b.await(t, 2)[1]
	if went.of.ID != came.of.ID || went.of.Messages != 2 || went.reason != "left" && went.reason != "reset" {
		t.Errorf("OnUnsubscribe got %+v", went)
	}

	subscribe(t, s, "/subscribe/pets")
	if found, err := s.Disconnect(context.Background(), b.await(t, 3)[2].of.ID); !found || err != nil {
		t.Fatal(found, err)
	}
	if last := b.await(t, 4)[3]; last.reason != "kicked" {
		t.Errorf("after Disconnect, OnUnsubscribe got %+v", last)
	}
	if head := ask(t, s, "HEAD /subscribe/pets HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Error(head)
	}
	if got, missed := b.read(); len(got) != 4 || missed != (changes{}) {
		t.Errorf("a HEAD was reported as a subscriber: %+v, %+v", got, missed)
	}
}

// TestSingleHook verifies that a server works with only one of the hooks.
func TestSingleHook(t *testing.T) {
	ended := make(chan string, 1)
	s := serve(t, ssed.Options{OnUnsubscribe: func(_ ssed.SubscriberInfo, reason string) { ended <- reason }})
	c, _ := subscribe(t, s, "/subscribe/n")
	c.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("OnUnsubscribe was not called")
	}
}

// TestBlockedHookDoesNotBlockTheLoop verifies that messages are delivered while a hook blocks, that
// the number of waiting calls is bounded, and that dropped calls are counted.
func TestBlockedHookDoesNotBlockTheLoop(t *testing.T) {
	t.Parallel()
	var b book
	var log logbook
	opts := b.keep(ssed.Options{ReportsMax: 2, Logger: log.logger()})
	tell, release := opts.OnSubscribe, make(chan struct{})
	opts.OnSubscribe = func(c ssed.SubscriberInfo) {
		<-release
		tell(c)
	}
	s := serve(t, opts)
	var conns []net.Conn
	for range 5 {
		c, r := subscribe(t, s, "/subscribe/n")
		publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte("x")})
		expect(t, r, "data:x\n\n")
		conns = append(conns, c)
	}
	if stats := until(t, s, "the dropped calls are counted", func(s ssed.Stats) bool { return s.Unreported == 3 }); stats.Reports != 2 {
		t.Errorf("%d reports are waiting, want 2", stats.Reports)
	}
	log.waitFor(t, "not reported to OnSubscribe")
	for _, c := range conns {
		c.Close()
	}
	stats := until(t, s, "all subscribers are disconnected", func(s ssed.Stats) bool { return s.Subscribers == 0 })
	if stats.Reports != 4 {
		t.Errorf("%d reports are waiting, want 4: subscribers without OnSubscribe get no OnUnsubscribe", stats.Reports)
	}
	close(release)
	b.await(t, 4)
	until(t, s, "no report is waiting", func(s ssed.Stats) bool { return s.Reports == 0 })
	c, _ := subscribe(t, s, "/subscribe/n") // there is room for its report
	defer c.Close()
	got := b.await(t, 5)
	if _, missed := b.read(); missed != (changes{3, 3}) || len(got) != 5 {
		t.Errorf("dropped calls: %+v, calls: %+v", missed, got)
	}
	pairUp(t, got[:4])
}

// pairUp checks that each subscriber connects once and then disconnects once.
func pairUp(t *testing.T, entries []entry) {
	t.Helper()
	here, seen := map[ssed.ConnID]bool{}, map[ssed.ConnID]bool{}
	for _, e := range entries {
		id := e.of.ID
		if came := e.reason == ""; came == here[id] || came && seen[id] {
			t.Fatalf("subscriber %d: %q out of order", id, e.reason)
		}
		here[id], seen[id] = e.reason == "", true
	}
	for id, stays := range here {
		if stays {
			t.Errorf("OnUnsubscribe was not called for subscriber %d", id)
		}
	}
}

// TestHooksInAStorm verifies that while many clients connect and disconnect, each is either
// reported with both calls or counted as dropped.
func TestHooksInAStorm(t *testing.T) { eachLoops(t, 2, hooksInAStorm) }

func hooksInAStorm(t *testing.T, loops int) {
	var b book
	opts := b.keep(ssed.Options{Loops: loops, ReportsMax: 20})
	tell := opts.OnSubscribe
	opts.OnSubscribe = func(c ssed.SubscriberInfo) {
		time.Sleep(100 * time.Microsecond)
		tell(c)
	}
	s := serve(t, opts)
	const clients, visits = 8, 40
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range visits {
				c, err := net.Dial("tcp", s.ListenAddrs()[0].String())
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Fprint(c, "GET /subscribe/n HTTP/1.1\r\nHost: x\r\n\r\n")
				c.SetDeadline(time.Now().Add(patience))
				c.Read(make([]byte, 16))
				c.Close()
			}
		})
	}
	all.Wait()
	until(t, s, "all have disconnected and all hooks have returned", func(s ssed.Stats) bool { return s.Subscribers == 0 && s.PendingConnections == 0 && s.Reports == 0 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	entries, missed := b.read()
	if len(entries)/2+missed.came != clients*visits || missed.went != missed.came {
		t.Errorf("%d subscribers were reported and %+v dropped, want %d in total", len(entries)/2, missed, clients*visits)
	}
	pairUp(t, entries)
}

// TestShutdownCallsHooksForAll verifies that Shutdown returns after OnUnsubscribe was called for
// all subscribers.
func TestShutdownCallsHooksForAll(t *testing.T) {
	var b book
	opts := b.keep(ssed.Options{})
	tell := opts.OnUnsubscribe
	var s *ssed.Server
	opts.OnUnsubscribe = func(c ssed.SubscriberInfo, reason string) {
		if _, err := s.Stats(context.Background()); err != nil && !errors.Is(err, ssed.ErrStopped) {
			t.Error(err) // calls of the server must not block after the loop has ended
		}
		time.Sleep(time.Millisecond)
		tell(c, reason)
	}
	s = serve(t, opts)
	const n = 30
	for range n {
		subscribe(t, s, "/subscribe/n")
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	got, _ := b.read()
	pairUp(t, got)
	if len(got) != 2*n || got[len(got)-1].reason != "shutdown" {
		t.Errorf("the hooks were called %d times, the last time with %+v", len(got), got[len(got)-1])
	}
}

// TestShutdownDropsCallsOfABlockedHook verifies that Shutdown returns when its context ends
// although a hook blocks, and that no hook is called afterwards.
func TestShutdownDropsCallsOfABlockedHook(t *testing.T) {
	var b book
	var log logbook
	opts := b.keep(ssed.Options{Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: log.logger()})
	tell, release := opts.OnSubscribe, make(chan struct{})
	opts.OnSubscribe = func(c ssed.SubscriberInfo) {
		tell(c)
		<-release
	}
	s, err := ssed.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	<-s.Ready()
	for range 3 {
		subscribe(t, s, "/subscribe/n")
	}
	b.await(t, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if !strings.Contains(log.String(), "hooks did not return in time") {
		t.Errorf("the log does not report the dropped calls: %s", log.String())
	}
	close(release)
	time.Sleep(20 * time.Millisecond) // a further call would happen in this time
	if got, _ := b.read(); len(got) != 1 {
		t.Errorf("a hook was called after the end: %+v", got)
	}
}

// A register holds the connected subscribers, as in ssed.ExampleOptions_onSubscribe.
type register struct {
	mu    sync.Mutex
	there map[ssed.ConnID]ssed.SubscriberInfo
}

func (r *register) came(c ssed.SubscriberInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there[c.ID] = c
}

func (r *register) went(c ssed.SubscriberInfo, _ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.there, c.ID)
}

func (r *register) recount(server *ssed.Server) {
	conns, err := server.Subscribers(context.Background())
	if err != nil {
		return // the server is stopping
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.there)
	for _, c := range conns {
		r.there[c.ID] = c
	}
}

// TestOnUnreportedCorrectsTheList verifies that a program that calls Subscribers in OnUnreported
// finally has a correct list, even if subscribers connected and disconnected without being
// reported.
func TestOnUnreportedCorrectsTheList(t *testing.T) {
	var s *ssed.Server
	people, release := register{there: map[ssed.ConnID]ssed.SubscriberInfo{}}, make(chan struct{})
	s = serve(t, ssed.Options{
		ReportsMax: 1,
		OnSubscribe: func(c ssed.SubscriberInfo) {
			<-release
			people.came(c)
		},
		OnUnsubscribe: people.went,
		OnUnreported:  func(_, _ int) { people.recount(s) },
	})
	var conns []net.Conn
	for range 3 {
		c, _ := subscribe(t, s, "/subscribe/n")
		conns = append(conns, c)
	}
	until(t, s, "two subscribers are not reported", func(s ssed.Stats) bool { return s.Unreported == 2 })
	close(release)
	people.await(t, 3)
	for _, c := range conns {
		c.Close()
	}
	people.await(t, 0)
}

// await waits until the register has n subscribers.
func (r *register) await(t *testing.T, n int) {
	t.Helper()
	there := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.there)
	}
	for deadline := time.Now().Add(patience); there() != n; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the register has %d subscribers, want %d", there(), n)
		}
	}
}

// TestShutdownLogsUnreported verifies that subscribers that were dropped in the last second are
// logged.
func TestShutdownLogsUnreported(t *testing.T) {
	var log logbook
	release := make(chan struct{})
	s := serve(t, ssed.Options{ReportsMax: 1, Drain: -1, Logger: log.logger(), OnSubscribe: func(ssed.SubscriberInfo) { <-release }})
	subscribe(t, s, "/subscribe/n")
	subscribe(t, s, "/subscribe/n")
	until(t, s, "one subscriber is not reported", func(s ssed.Stats) bool { return s.Unreported == 1 })
	close(release)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "not reported to OnSubscribe") {
		t.Errorf("the log does not report the dropped calls: %s", log.String())
	}
}
