package loop_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// stormOf connects many clients at the same moment, and returns once each has the head of its
// response. The connections are closed when the test ends.
func stormOf(t *testing.T, s *ssed.Server, clients int, request string) (statuses map[int]int, conns []net.Conn) {
	t.Helper()
	for range clients {
		conns = append(conns, dial(t, s.ListenAddrs()[0]))
	}
	statuses = map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			fmt.Fprint(c, request)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[res.StatusCode]++
		})
	}
	all.Wait()
	return statuses, conns
}

// loopsWith returns how many loops have subscribers.
func loopsWith(t *testing.T, s *ssed.Server) (loops int) {
	t.Helper()
	each, err := s.LoopStats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range each {
		if of.Subscribers > 0 {
			loops++
		}
	}
	return loops
}

// TestConnectionLimitsOfLoops lets more clients connect at the same moment than the limits of the
// daemon allow. Exactly as many as allowed must become subscribers, on several loops.
func TestConnectionLimitsOfLoops(t *testing.T) {
	const most, clients = 40, 100
	for name, opts := range map[string]ssed.Options{
		"in total":     {Loops: 3, ConnsMax: most},
		"per address":  {Loops: 3, ConnsPerAddressMax: most},
		"both, 1 loop": {ConnsMax: most, ConnsPerAddressMax: most},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, opts)
			spread := 0
			for round := range 5 {
				statuses, conns := stormOf(t, s, clients, plainGet)
				turnedAway := uint64((round + 1) * (clients - most))
				until(t, s, "all clients are counted", func(st ssed.Stats) bool { return st.Subscribers == most && st.TurnedAway == turnedAway })
				if statuses[200] != clients {
					t.Errorf("the statuses are %v", statuses)
				}
				spread = max(spread, loopsWith(t, s))
				for _, c := range conns {
					c.Close()
				}
				until(t, s, "all places are free", func(st ssed.Stats) bool { return st.Subscribers == 0 && st.PendingConnections == 0 })
			}
			if spread < min(2, opts.Loops) {
				t.Error("all subscribers were on one loop in each round")
			}
		})
	}
}

// TestAuthorizeMaxOfLoops verifies that AuthorizeMax calls run at the same time, and no more,
// however many loops there are.
func TestAuthorizeMaxOfLoops(t *testing.T) {
	const most, clients = 5, 40
	var running, peak atomic.Int64
	release := make(chan struct{})
	s := serve(t, ssed.Options{Loops: 3, AuthorizeMax: most, Authorize: func(ctx context.Context, _ *ssed.Request) error {
		n := running.Add(1)
		defer running.Add(-1)
		for before := peak.Load(); n > before && !peak.CompareAndSwap(before, n); {
			before = peak.Load()
		}
		<-release
		return nil
	}})
	stormed := make(chan map[int]int, 1)
	go func() {
		statuses, _ := stormOf(t, s, clients, plainGet)
		stormed <- statuses
	}()
	until(t, s, "the others are turned away", func(st ssed.Stats) bool { return st.TurnedAway == clients-most && st.Authorizing == most })
	close(release)
	if statuses := <-stormed; statuses[200] != clients {
		t.Errorf("the statuses are %v", statuses)
	}
	stats := until(t, s, "the rest has subscribed", func(st ssed.Stats) bool { return st.Subscribers == most })
	if peak.Load() != most || stats.Authorizing != 0 {
		t.Errorf("%d calls ran at the same time, want %d; %d still run", peak.Load(), most, stats.Authorizing)
	}
}

// TestHandoverMaxOfLoops verifies that no more connections are handed over than ConnsMax allows.
func TestHandoverMaxOfLoops(t *testing.T) {
	const most, clients = 7, 60
	var open atomic.Int64
	hand := handTo(most)
	take := hand.Take
	hand.Take = func(c *ssed.HandedConn) {
		open.Add(1)
		defer open.Add(-1)
		take(c)
	}
	s := serve(t, ssed.Options{Loops: 3, Handover: hand})
	for range 5 {
		statuses, conns := stormOf(t, s, clients, "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n")
		if statuses[200] != most || statuses[503] != clients-most {
			t.Errorf("the statuses are %v, want %d times 200", statuses, most)
		}
		for _, c := range conns {
			c.Close()
		}
		testtool.WaitFor(t, "all places are free", func() bool { return open.Load() == 0 })
	}
}

// thinOn subscribes on a loop with a small receive buffer, and does not read.
func thinOn(t *testing.T, s *ssed.Server, number int, target string) (net.Conn, *bufio.Reader) {
	return subscribeOn(t, s, number, func() (net.Conn, *bufio.Reader) {
		c := subscribeThin(t, s, target)
		return c, bufio.NewReader(c)
	})
}

// TestBacklogTotalOfLoops lets subscribers on both loops stall. The memory for them must stay
// within the total limit plus the share of one loop. The loop below its share must lose no
// subscriber, although the other one needs more than everything.
func TestBacklogTotalOfLoops(t *testing.T) {
	const total, message, streams = 4 << 20, 100_000, 8
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprint("both loops need too much: ", both), func(t *testing.T) {
			s := serve(t, ssed.Options{Loops: 2, BacklogBytesMax: total, BacklogTotalBytesMax: total, DataBytesMax: message, SendBufferBytes: 16 << 10})
			thinOn(t, s, 0, "/subscribe/small")
			for i := range streams {
				number := 1
				if both {
					number = i % 2
				}
				thinOn(t, s, number, fmt.Sprintf("/subscribe/%d", i))
			}
			until(t, s, "only these subscribers are left", func(st ssed.Stats) bool { return st.Subscribers == streams+1 })
			data := bytes.Repeat([]byte("x"), message)
			for i := range 10 * streams {
				if i < 5 {
					publishAll(t, s, sse.Message{Namespace: "/small", Data: data})
				}
				publishAll(t, s, sse.Message{Namespace: fmt.Sprintf("/%d", i%streams), Data: data})
				if stats, err := s.Stats(t.Context()); err != nil || stats.Backlog > total+total/2+2*message {
					t.Fatalf("%d bytes are held, %v", stats.Backlog, err)
				}
			}
			until(t, s, "some subscribers are evicted", func(st ssed.Stats) bool { return st.Ended["evicted"] > 0 && st.Backlog <= total })
			each, err := s.LoopStats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if lost := each[0].Ended["evicted"] > 0; lost != both {
				t.Errorf("loop 0 holds %d bytes and has evicted %d subscribers; loop 1 holds %d and has evicted %d",
					each[0].Backlog, each[0].Ended["evicted"], each[1].Backlog, each[1].Ended["evicted"])
			}
		})
	}
}

// TestConnIDsOfLoops verifies that Subscribers lists the subscribers of all loops, that their ids
// are unique, and that Disconnect finds each of them, whichever loop has it.
func TestConnIDsOfLoops(t *testing.T) {
	const clients = 60
	var b book
	s := serve(t, b.keep(ssed.Options{Loops: 3}))
	seen := map[ssed.ConnID]bool{}
	for round := 1; round <= 3; round++ {
		stormOf(t, s, clients, plainGet)
		conns, err := s.Subscribers(t.Context())
		if err != nil || len(conns) != clients || loopsWith(t, s) != 3 {
			t.Fatalf("%d subscribers are listed, %v", len(conns), err)
		}
		for _, of := range conns {
			if seen[of.ID] {
				t.Errorf("the id %d was used twice", of.ID)
			}
			seen[of.ID] = true
			if found, err := s.Disconnect(t.Context(), of.ID); !found || err != nil {
				t.Errorf("Disconnect(%d) on loop %d: %v, %v", of.ID, of.Loop, found, err)
			}
			if found, err := s.Disconnect(t.Context(), of.ID); found || err != nil {
				t.Errorf("Disconnect(%d) again: %v, %v", of.ID, found, err)
			}
		}
		pairUp(t, b.await(t, 2*round*clients))
	}
}

// TestUnixSocketsOfLoops verifies that subscribers of a unix socket are spread evenly, and that all
// of them get all messages.
func TestUnixSocketsOfLoops(t *testing.T) {
	const loops, clients = 3, 30
	s := serve(t, ssed.Options{Loops: loops, Listen: []string{"unix://" + t.TempDir() + "/s"}})
	_, conns := stormOf(t, s, clients, plainGet)
	each, err := s.LoopStats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for number, of := range each {
		if of.Subscribers != clients/loops {
			t.Errorf("loop %d has %d subscribers, want %d", number, of.Subscribers, clients/loops)
		}
	}
	want := []string{"a", "b", "c"}
	publishTo(t, s, "/n", want...)
	for _, c := range conns {
		expect(t, c, "data:"+strings.Join(slices.Clone(want), "\n\ndata:")+"\n\n")
	}
}
