package loop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// An event is a frame as parsed by a client.
type event struct{ id, name, data string }

// nextEvent reads one event. It skips heartbeats and reconnection times.
func nextEvent(t testing.TB, r *bufio.Reader) event {
	t.Helper()
	e, err := readEvent(r)
	if err != nil {
		t.Fatalf("got %+v, %v", e, err)
	}
	return e
}

// expectData reads events until it has read all data of want, in order and without other events
// between them. It returns the id of the last event.
func expectData(t testing.TB, r *bufio.Reader, want ...string) (id string) {
	t.Helper()
	for _, data := range want {
		e := nextEvent(t, r)
		if e.data != data {
			t.Fatalf("got %+v, want the data %q", e, data)
		}
		id = e.id
	}
	return id
}

// resumeFrom subscribes with the id of the last event.
func resumeFrom(t testing.TB, s *ssed.Server, target, id string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, s.ListenAddrs()[0])
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: %s\r\n\r\n", target, id)
	r := bufio.NewReader(c)
	if status, head := readHead(t, r); status != 200 {
		t.Fatal(status, head)
	}
	return c, r
}

func publishTo(t testing.TB, s *ssed.Server, ns string, data ...string) {
	t.Helper()
	for _, d := range data {
		publishAll(t, s, sse.Message{Namespace: ns, Data: []byte(d)})
	}
}

var keepAll = []ssed.HistoryRule{{Prefix: "/", Messages: 1000}}

// TestResume checks which messages a client gets that reconnects with an id.
func TestResume(t *testing.T) {
	s := serve(t, ssed.Options{History: keepAll})
	c, r := subscribe(t, s, "/subscribe/pets")
	publishTo(t, s, "/pets/dogs", "one")
	publishTo(t, s, "/time", "not heard")
	publishTo(t, s, "/pets", "two")
	id := expectData(t, r, "one", "two")
	c.Close()
	publishTo(t, s, "/pets/cats", "three")
	publishTo(t, s, "/petsmart", "not heard")
	publishTo(t, s, "/pets", "four")
	for _, again := range []func() (net.Conn, *bufio.Reader){
		func() (net.Conn, *bufio.Reader) { return resumeFrom(t, s, "/subscribe/pets", id) },
		func() (net.Conn, *bufio.Reader) { return subscribe(t, s, "/subscribe/pets?last_event_id="+id) },
		func() (net.Conn, *bufio.Reader) { return subscribe(t, s, "/subscribe?lastEventId="+id+"&ns=/pets") },
		func() (net.Conn, *bufio.Reader) {
			return resumeFrom(t, s, "/subscribe/pets?lastEventId=nonsense&last=1", id)
		},
	} {
		_, r := again()
		expectData(t, r, "three", "four")
		publishTo(t, s, "/pets/new", "mark")
		id = expectData(t, r, "mark") // the next request resumes from here
		publishTo(t, s, "/pets/new", "three", "four")
		expectData(t, r, "three", "four")
	}
}

// TestSequenceIsTheID verifies that the number in a publisher's OK is the number in the
// subscriber's id.
func TestSequenceIsTheID(t *testing.T) {
	s := serve(t, ssed.Options{History: []ssed.HistoryRule{{Prefix: "/kept", Messages: 5}}})
	_, r := subscribe(t, s, "/subscribe/")
	p := dial(t, s.PublishAddrs()[0])
	io.WriteString(p, "PUB /kept - a\nPUB /other - b\nPUB /kept/below - c\n")
	replies := bufio.NewReader(p)
	for i, kept := range []bool{true, false, true} {
		reply, e := line(t, replies), nextEvent(t, r)
		_, seq, _ := strings.Cut(e.id, "-")
		if want := fmt.Sprint("OK ", i+1); reply != want || kept && "OK "+seq != want || !kept && e.id != "" {
			t.Errorf("the publisher got %q, the subscriber got %+v", reply, e)
		}
	}
}

// TestHistoryOff verifies that without a history, every request gets the same bytes as from
// mroth/sseserver.
func TestHistoryOff(t *testing.T) {
	s := serve(t, ssed.Options{})
	_, r := resumeFrom(t, s, "/subscribe/n?last=3&since=x&lastEventId=y", "abc-1")
	publishTo(t, s, "/n", "x")
	expect(t, r, "data:x\n\n")
}

// TestLastAndSince checks the parameters last and since of a client without an id.
func TestLastAndSince(t *testing.T) {
	s := serve(t, ssed.Options{History: []ssed.HistoryRule{{Prefix: "/", Messages: 3}, {Prefix: "/live"}}})
	for i := range 5 {
		publishTo(t, s, fmt.Sprintf("/a/%d", i%2), fmt.Sprint(i)) // /a/0 has 0 2 4, /a/1 has 1 3
	}
	for query, want := range map[string][]string{
		"":             {},
		"last=0":       {},
		"last=1":       {"4"},
		"last=2":       {"3", "4"},
		"last=1000":    {"0", "1", "2", "3", "4"},
		"last=1000000": {"0", "1", "2", "3", "4"},
		"since=1h":     {"0", "1", "2", "3", "4"},
		"since=500h":   {"0", "1", "2", "3", "4"},
		// 2^32 ticks are 119,304 h 38 m 49.6 s. A longer time must not wrap around.
		"since=119304h38m50s": {"0", "1", "2", "3", "4"},
	} {
		_, r := subscribe(t, s, "/subscribe?ns=/live&ns=/a&"+query)
		expectData(t, r, want...)
		_, first := subscribe(t, s, "/subscribe/live")
		publishAll(t, s, sse.Message{Namespace: "/live/" + strings.Trim(query, "=") + "x", Data: []byte("live")})
		expectData(t, first, "live")
		expectData(t, r, "live")
	}
	for _, bad := range []string{"last=-1", "last=x", "last=1x", "since=-1s", "since=30", "since=%zz"} {
		c := dial(t, s.ListenAddrs()[0])
		fmt.Fprintf(c, "GET /subscribe/a?%s HTTP/1.1\r\nHost: x\r\n\r\n", bad)
		if status, _ := readHead(t, bufio.NewReader(c)); status != 400 {
			t.Errorf("%s: %d", bad, status)
		}
	}
}

// TestGapIsReported checks the gap events for ids that are too old, from another epoch, or
// malformed.
func TestGapIsReported(t *testing.T) {
	s := serve(t, ssed.Options{History: []ssed.HistoryRule{{Prefix: "/", Messages: 2}, {Prefix: "/long", Messages: 100}}})
	publishTo(t, s, "/short", "1", "2")
	publishTo(t, s, "/long", "3")
	publishTo(t, s, "/short", "4", "5", "6")
	_, r := subscribe(t, s, "/subscribe?ns=/short&ns=/long&last=1")
	newest := nextEvent(t, r).id
	epoch, _, _ := strings.Cut(newest, "-")
	for _, tt := range []struct {
		asked string
		gap   *sse.Gap
		data  []string
	}{
		{epoch + "-6", nil, nil},
		{epoch + "-4", nil, []string{"5", "6"}},
		{epoch + "-3", &sse.Gap{Reason: "expired", Asked: epoch + "-3", Oldest: epoch + "-5", Newest: newest, CompleteAfter: epoch + "-4"}, []string{"5", "6"}},
		{epoch + "-0", &sse.Gap{Reason: "expired", Asked: epoch + "-0", Oldest: epoch + "-3", Newest: newest, CompleteAfter: epoch + "-4"}, []string{"3", "5", "6"}},
		{"0ther-7", &sse.Gap{Reason: "epoch", Asked: "0ther-7", Oldest: epoch + "-3", Newest: newest, CompleteAfter: epoch + "-4"}, []string{"3", "5", "6"}},
		{epoch + "-7", &sse.Gap{Reason: "malformed", Asked: epoch + "-7", Newest: newest}, nil},
		{"42", &sse.Gap{Reason: "malformed", Asked: "42", Newest: newest}, nil},
		{`"\<é` + strings.Repeat("x", 100), &sse.Gap{Reason: "malformed", Asked: `"\<é` + strings.Repeat("x", 59), Newest: newest}, nil},
	} {
		_, r := resumeFrom(t, s, "/subscribe?ns=/short&ns=/long", tt.asked)
		if tt.gap != nil {
			e := nextEvent(t, r)
			var got sse.Gap
			if err := json.Unmarshal([]byte(e.data), &got); err != nil || e.name != "gap" || e.id != "" || got != *tt.gap {
				t.Errorf("id %s: got %+v, %v, want %+v", tt.asked, e, err, *tt.gap)
			}
		}
		expectData(t, r, tt.data...)
	}
	// An invalid id is ignored, so the rest of the query counts.
	_, r = resumeFrom(t, s, "/subscribe/short?last=1", "nonsense")
	if e := nextEvent(t, r); e.name != "gap" {
		t.Error(e)
	}
	expectData(t, r, "6")
	until(t, s, "the gaps are counted", func(s ssed.Stats) bool { return s.Gaps == 7 })
}

// TestGapEventRenamedOrDisabled verifies that GapEvent renames the gap event, and that NoGapEvent
// disables it.
func TestGapEventRenamedOrDisabled(t *testing.T) {
	s := serve(t, ssed.Options{History: keepAll, GapEvent: "hole"})
	_, r := resumeFrom(t, s, "/subscribe/n", "nonsense")
	if e := nextEvent(t, r); e.name != "hole" {
		t.Error(e)
	}
	s = serve(t, ssed.Options{History: keepAll, NoGapEvent: true})
	_, r = resumeFrom(t, s, "/subscribe/n", "nonsense")
	publishTo(t, s, "/n", "x")
	expectData(t, r, "x")
}

// TestReplayOfASlowReader replays much more than a socket accepts, while new messages arrive, of
// which some are kept and some are not. The reader must get each message once and in order.
func TestReplayOfASlowReader(t *testing.T) {
	s := serve(t, ssed.Options{SendBufferBytes: 8 << 10, History: []ssed.HistoryRule{{Prefix: "/kept", Messages: 5000}}})
	const before, during = 1500, 500
	want := make([]string, 0, before+2*during)
	random := rand.New(rand.NewPCG(1, 2))
	data := func(i int) string { return fmt.Sprint(i, strings.Repeat("x", random.IntN(4000))) }
	for i := range before {
		want = append(want, data(i))
		publishTo(t, s, fmt.Sprintf("/kept/%d", i%7), want[i])
	}
	c, r := subscribe(t, s, "/subscribe?ns=/kept&ns=/other&last=5000")
	c.SetDeadline(time.Now().Add(3 * patience))
	go func() {
		for i := range during {
			s.Publish(context.Background(), sse.Message{Namespace: "/kept/new", Data: fmt.Append(nil, "kept", i)})
			s.Publish(context.Background(), sse.Message{Namespace: "/other", Data: fmt.Append(nil, "other", i)})
			time.Sleep(100 * time.Microsecond)
		}
	}()
	for i := range during {
		want = append(want, fmt.Sprint("kept", i), fmt.Sprint("other", i))
	}
	for i, data := range want {
		if e := nextEvent(t, r); e.data != data {
			t.Fatalf("message %d is %.40q, want %.40q", i, e.data, data)
		}
	}
	until(t, s, "the stream is live", func(s ssed.Stats) bool {
		return s.Replays == 1 && s.Replayed == before && s.Blocked == 0 && s.Backlog == 0
	})
}

// TestHistoryDropsMessagesDuringReplay drops messages of the history that were not yet sent to a
// slow reader. The reader must get a gap event and no incomplete frame, and its messages must be in
// order.
func TestHistoryDropsMessagesDuringReplay(t *testing.T) {
	t.Parallel()
	s := serve(t, ssed.Options{SendBufferBytes: 8 << 10, History: []ssed.HistoryRule{{Prefix: "/", Messages: 300}}})
	data := func(i int) string { return fmt.Sprint(i, " ", strings.Repeat("x", 10_000)) }
	for i := range 300 {
		publishTo(t, s, "/n", data(i))
	}
	_, r := subscribe(t, s, "/subscribe/n?last=300")
	until(t, s, "the subscriber is blocked", func(s ssed.Stats) bool { return s.Blocked == 1 })
	for i := range 300 {
		publishTo(t, s, "/n", data(300+i))
	}
	gaps, last := 0, -1
	for last < 599 {
		e := nextEvent(t, r)
		if e.name == "gap" {
			gaps++
			continue
		}
		var n int
		fmt.Sscan(e.data, &n)
		if e.data != data(n) || n <= last || n != last+1 && gaps == 0 {
			t.Fatalf("after message %d, got %.20q, with %d gap events so far", last, e.data, gaps)
		}
		last = n
	}
	if gaps == 0 {
		t.Error("got no gap event")
	}
}

// TestResumeAgainstModel cuts clients off at random bytes and lets them reconnect with the last id
// that they have received completely. In the end, each must have every message exactly once and in
// order, or a gap event that covers all missing messages and no others.
func TestResumeAgainstModel(t *testing.T) {
	for seed := range uint64(6) {
		loops := 1 + int(seed%3)
		t.Run(fmt.Sprintf("seed %d, loops: %d", seed, loops), func(t *testing.T) { resumeAtRandom(t, loops, rand.New(rand.NewPCG(seed, 9))) })
	}
}

func resumeAtRandom(t *testing.T, loops int, random *rand.Rand) {
	const kept = 12
	s := serve(t, ssed.Options{Loops: loops, SendBufferBytes: 4 << 10, History: []ssed.HistoryRule{{Prefix: "/", Messages: kept}}})
	namespaces := []string{"/a", "/a/b", "/a/b/c", "/ab", "/d", "/d/e"}
	sets := [][]string{{"/"}, {"/a"}, {"/a/b", "/d"}, {"/ab"}, {"/d/e", "/a/b/c"}}
	var all []string // namespaces, by sequence number
	publish := func() {
		for range random.IntN(20) {
			ns := namespaces[random.IntN(len(namespaces))]
			all = append(all, ns)
			publishTo(t, s, ns, fmt.Sprintf("%d %s", len(all), strings.Repeat("x", random.IntN(3000))))
		}
	}
	publish()
	set := sets[random.IntN(len(sets))]
	heard := func(n int) bool {
		return slices.ContainsFunc(set, func(x string) bool {
			return x == "/" || all[n-1] == x || strings.HasPrefix(all[n-1], x+"/")
		})
	}
	last, id := 0, ""
	for range 40 {
		if id == "" {
			untilNewest(t, s, uint64(len(all)))
			last = len(all) // it joins here
		}
		c, r := resumeFrom(t, s, "/subscribe?ns="+strings.Join(set, "&ns="), id)
		publish()
		target := len(all)
		for target > last && !heard(target) {
			target--
		}
		stop := random.IntN(3) == 0 // disconnect in the middle of the stream
		covered := last
		for last < target {
			if stop && random.IntN(4) == 0 {
				io.CopyN(io.Discard, r, int64(random.IntN(500)))
				break
			}
			e := nextEvent(t, r)
			if e.name == "gap" {
				var g sse.Gap
				json.Unmarshal([]byte(e.data), &g)
				fmt.Sscanf(g.CompleteAfter[strings.Index(g.CompleteAfter, "-")+1:], "%d", &covered)
				if !heard(covered) || covered <= last {
					t.Fatalf("the gap up to %d has no missing messages: %s", covered, e.data)
				}
				continue
			}
			n := 0
			fmt.Sscan(e.data, &n)
			for missing := last + 1; missing < n; missing++ {
				if heard(missing) && missing > covered {
					t.Fatalf("message %d is missing before %d, but the gap event covers messages up to %d", missing, n, covered)
				}
			}
			if n <= last || !heard(n) {
				t.Fatalf("got message %d after message %d", n, last)
			}
			last, id = n, e.id
		}
		c.Close()
		publish()
	}
}
