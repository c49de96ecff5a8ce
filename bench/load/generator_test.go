package load

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// play connects and runs a generator, and returns the result.
func play(t *testing.T, config Config) (*Result, *Generator, error) {
	t.Helper()
	g, err := New(config)
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(g.Close)
	if err := g.Connect(5 * time.Second); err != nil {
		return nil, g, err
	}
	result, err := g.Run(Hooks{})
	return result, g, err
}

// TestFaithfulServers verifies that runs against correct servers succeed, whatever their framing.
func TestFaithfulServers(t *testing.T) {
	with := func(f func(n int, event, data string) string) func(int, int, string, string) string {
		return func(_, n int, event, data string) string { return f(n, event, data) }
	}
	half := func(s string) string { return chunk(s[:len(s)/2]) + chunk(s[len(s)/2:]) }
	tests := []struct {
		name    string
		head    string
		frame   func(subscriber, n int, event, data string) string
		scanned int
	}{
		{name: "framing of ssed"},
		{name: "other spacing", scanned: 5, frame: with(func(_ int, e, d string) string { return "event: " + e + "\ndata: " + d + "\n\n" })},
		{name: "ids", scanned: 5, frame: with(func(n int, e, d string) string { return fmt.Sprintf("id:%d\n", n) + ssedFrame(e, d) })},
		{name: "comments in one stream", scanned: 1, frame: func(who, n int, e, d string) string {
			if who == 2 && n%10 == 9 {
				return ":keepalive\n\n" + ssedFrame(e, d)
			}
			return ssedFrame(e, d)
		}},
		{name: "chunks that end inside payloads", head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
			frame: with(func(_ int, e, d string) string { return half(ssedFrame(e, d)) })},
		{name: "HTTP/1.0", head: "HTTP/1.0 200 OK\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := (&hub{head: test.head, frame: test.frame}).start(t)
			result, g, err := play(t, h.config())
			if err != nil {
				t.Fatal(err)
			}
			if g.published == 0 || result.Messages == 0 || g.deliveries != 5*g.published {
				t.Fatalf("%d published, %d delivered to 5: %+v", g.published, g.deliveries, result)
			}
			if got := uint64(result.Latency.TotalCount()); got == 0 || got%5 != 0 || got > g.deliveries {
				t.Fatalf("%d latencies of %d deliveries to 5", got, g.deliveries)
			}
			if result.Scanned != test.scanned {
				t.Fatalf("%d streams differed from the expected bytes, want %d", result.Scanned, test.scanned)
			}
		})
	}
}

// TestEveryFaultFailsTheRun verifies that a run fails when the server makes a mistake.
func TestEveryFaultFailsTheRun(t *testing.T) {
	var held string
	tests := []struct {
		name  string
		head  string
		frame func(who, n int, event, data string) string
		want  string // in the error
	}{
		{name: "one message lost", want: "came where", frame: func(who, n int, e, d string) string {
			if who == 3 && n == 3 {
				return ""
			}
			return ssedFrame(e, d)
		}},
		{name: "all lost from some point on", want: "messages", frame: func(who, n int, e, d string) string {
			if who == 3 && n >= 3 {
				return ""
			}
			return ssedFrame(e, d)
		}},
		{name: "one twice", want: "came where", frame: func(who, n int, e, d string) string {
			if who == 3 && n == 3 {
				return ssedFrame(e, d) + ssedFrame(e, d)
			}
			return ssedFrame(e, d)
		}},
		{name: "two swapped", want: "came where", frame: func(who, n int, e, d string) string {
			switch {
			case who == 3 && n == 3:
				held = ssedFrame(e, d)
				return ""
			case who == 3 && n == 4:
				return ssedFrame(e, d) + held
			}
			return ssedFrame(e, d)
		}},
		{name: "a damaged byte", want: "damaged", frame: func(who, n int, e, d string) string {
			if who == 3 && n == 3 {
				d = d[:len(d)-1] + "*"
			}
			return ssedFrame(e, d)
		}},
		{name: "a namespace that receives messages of others", want: "came where", frame: func(_, _ int, e, d string) string {
			return ssedFrame(e, d) // sends everything to all subscribers
		}},
		{name: "not found", head: "HTTP/1.1 404 Not Found\r\n\r\n", want: "404"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := (&hub{head: test.head, frame: test.frame}).start(t)
			config := h.config()
			if strings.Contains(test.name, "namespace") {
				config.Topics = Split(5, 5)
			}
			if _, _, err := play(t, config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestBadRepliesFailTheRun verifies that a flood fails when the server's replies are wrong or
// missing.
func TestBadRepliesFailTheRun(t *testing.T) {
	for name, reply := range map[string]func(int) string{
		"a skipped number": func(n int) string { return fmt.Sprintf("OK %d\n", n+n/20) },
		"an error":         func(int) string { return "ERR busy come again\n" },
		"one too many":     func(n int) string { return fmt.Sprintf("OK %d\nOK %d\n", 2*n-1, 2*n) },
		"none":             func(int) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			h := (&hub{reply: reply}).start(t)
			_, err := Flood(FloodConfig{Publish: h.config().Publish, PayloadBytes: 64, Replies: true, Measure: millis(20), Drain: millis(200)})
			if err == nil || !strings.Contains(err.Error(), "publisher") {
				t.Fatalf("got error %v, want one of the publisher", err)
			}
		})
	}
}

// TestTopicsInTurn verifies that every topic of a closed loop is published to and received.
func TestTopicsInTurn(t *testing.T) {
	h := (&hub{}).start(t)
	config := h.config()
	config.Topics, config.InFlight = Split(20, 10), 1
	_, g, err := play(t, config)
	if err != nil {
		t.Fatal(err)
	}
	for i := range g.topics {
		if topic := &g.topics[i]; topic.sent == 0 || topic.oldest != topic.sent || topic.readers != 2 {
			t.Fatalf("topic %d: %d sent, %d received by the slowest of %d", i, topic.sent, topic.oldest, topic.readers)
		}
	}
}

// TestStalledSubscribersDoNotDelayOthers verifies that subscribers that never read do not limit a
// closed loop.
func TestStalledSubscribersDoNotDelayOthers(t *testing.T) {
	h := (&hub{}).start(t)
	config := h.config()
	config.Stalled = 2
	result, g, err := play(t, config)
	if err != nil || result.Deliveries == 0 || g.deliveries != 3*g.published {
		t.Fatalf("%d published, %d delivered to 3, %v", g.published, g.deliveries, err)
	}
}

// TestOpenLoopLatencyCountsFromTheDueTime stops the server for a while and checks that every
// message that was due in the pause counts as late. A generator that waits with the server would
// count only one late message.
func TestOpenLoopLatencyCountsFromTheDueTime(t *testing.T) {
	const stop, every = 300, 5 // milliseconds
	h := &hub{}
	h.frame = func(who, n int, event, data string) string {
		if who == 0 && n == 40 {
			time.Sleep(millis(stop))
		}
		return ssedFrame(event, data)
	}
	config := h.start(t).config()
	config.RatePerSec, config.Measure, config.Drain = 1000/every, millis(800), 5*time.Second
	result, _, err := play(t, config)
	if err != nil {
		t.Fatal(err)
	}
	late := int64(0)
	for _, bar := range result.Latency.Distribution() {
		if bar.From >= int64(millis(stop/3)) {
			late += bar.Count
		}
	}
	// Of the 60 messages due in the pause, two thirds waited for a third of it or more, at each of
	// 5 subscribers.
	if want := int64(5 * stop / every * 2 / 3 * 9 / 10); late < want {
		t.Fatalf("%d late deliveries, want at least %d", late, want)
	}
}

// TestOpenLoopCountsLateMessages stops the server until after the end, with more messages due than
// fit into a socket. It verifies that messages that could not be sent in time are among the
// latencies.
func TestOpenLoopCountsLateMessages(t *testing.T) {
	const perSec = 5000
	h := &hub{}
	h.frame = func(who, n int, event, data string) string {
		if who == 0 && n == 200 {
			time.Sleep(millis(800))
		}
		return ssedFrame(event, data)
	}
	config := h.start(t).config()
	config.RatePerSec, config.PayloadBytes = perSec, 8000
	config.Measure, config.Drain = millis(300), 10*time.Second
	result, _, err := play(t, config)
	if err != nil {
		t.Fatal(err)
	}
	due := int64(5 * perSec * config.Measure.Seconds())
	if got := result.Latency.TotalCount(); got < due*9/10 || got > due*11/10 {
		t.Errorf("%d latencies, want about %d, one for each delivery that was due", got, due)
	}
	if result.Overdue == 0 || time.Duration(result.Latency.ValueAtPercentile(50)) < millis(300) {
		t.Errorf("%d overdue, p50 is %v", result.Overdue, time.Duration(result.Latency.ValueAtPercentile(50)))
	}
	config.Drain = millis(100)
	h.forget()
	h.sequence = 0
	if _, _, err := play(t, config); err == nil || !strings.Contains(err.Error(), "overloaded") {
		t.Errorf("got %v, want an error about an overload", err)
	}
}

// TestFloodCountsAcceptedLines verifies that a flood counts exactly the lines that the server
// accepted.
func TestFloodCountsAcceptedLines(t *testing.T) {
	h := (&hub{}).start(t)
	for _, replies := range []bool{false, true} {
		config := FloodConfig{Publish: h.publish.Addr().String(), PayloadBytes: 64, Replies: replies, Measure: millis(50), Drain: 5 * time.Second}
		before := h.taken()
		result, err := Flood(config)
		if err != nil {
			t.Fatal(err)
		}
		took := h.taken() - before
		if result.Lines == 0 || took != int(result.Lines)+2 { // one before, one after
			t.Fatalf("%d lines, and the hub accepted %d", result.Lines, took)
		}
	}
}

// TestFloodOfSeveral verifies that each of several publishers gets rising sequence numbers, with
// the numbers of the others between them, and that no line is counted twice.
func TestFloodOfSeveral(t *testing.T) {
	for _, replies := range []bool{false, true} {
		h := (&hub{}).start(t)
		config := FloodConfig{Publish: h.publish.Addr().String(), PayloadBytes: 64, Publishers: 3, Replies: replies, Measure: millis(50),
			Drain: 5 * time.Second}
		result, err := Flood(config)
		if err != nil {
			t.Fatal(err)
		}
		if took := h.taken(); result.Lines < 3*floodBlock || took != int(result.Lines)+2 {
			t.Errorf("%d lines, and the hub accepted %d", result.Lines, took)
		}
	}
	h := (&hub{reply: func(n int) string { return fmt.Sprintf("OK %d\n", 1+n%2000) }}).start(t)
	if _, err := Flood(FloodConfig{Publish: h.publish.Addr().String(), PayloadBytes: 64, Publishers: 3, Replies: true, Measure: millis(50), Drain: millis(500)}); err == nil {
		t.Error("decreasing sequence numbers were accepted")
	}
}

// TestSubscribersTakeTurnsOverServers verifies that subscribers are spread over several servers.
func TestSubscribersTakeTurnsOverServers(t *testing.T) {
	first, second := (&hub{}).start(t), (&hub{}).start(t)
	config := first.config()
	config.Publish, config.Also = "", []string{second.subscribe.Addr().String()}
	g, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Connect(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	for h, want := range map[*hub]int{first: 3, second: 2} {
		h.mu.Lock()
		if len(h.subs) != want {
			t.Errorf("%d subscribers of 5, want %d", len(h.subs), want)
		}
		h.mu.Unlock()
	}
	config.Also = []string{"192.0.2.1:80"}
	if _, err := New(config); err == nil {
		t.Error("a server that is not on loopback was accepted")
	}
}

// TestRunNeedsReaderAndPublisher verifies that a run needs a reader, a publisher and a payload that
// is large enough.
func TestRunNeedsReaderAndPublisher(t *testing.T) {
	h := (&hub{}).start(t)
	config := h.config()
	config.Stalled = config.Topics[0].Subscribers
	if _, _, err := play(t, config); err != errNoReader {
		t.Fatalf("got %v", err)
	}
	config.Publish = ""
	if _, _, err := play(t, config); err != errNoPublisher {
		t.Fatalf("got %v", err)
	}
	config.PayloadBytes = PayloadMin - 1
	if _, err := New(config); err == nil {
		t.Fatal("a payload without room for its number was accepted")
	}
}

// TestConnectIsBounded verifies that Connect fails when answers do not arrive in time.
func TestConnectIsBounded(t *testing.T) {
	h := (&hub{head: "HTTP/1.1 200"}).start(t)
	if _, err := New(h.config()); err != nil {
		t.Fatal(err)
	}
	g, _ := New(h.config())
	defer g.Close()
	if err := g.Connect(millis(100)); err == nil || !strings.Contains(err.Error(), "0 of") {
		t.Fatalf("got %v", err)
	}
}
