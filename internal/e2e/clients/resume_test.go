package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// cuts is how often a stream is cut in the middle of a burst.
const cuts = 20

// history keeps every message that a test publishes.
const history = "--history=100000"

// quickRetry sets the reconnection time that the daemon sends at the beginning of each stream.
// Twenty reconnections with the default would take more than a minute.
const quickRetry = "--retry=100ms"

// savesIDsEarly is the source that saves an id as soon as it has read the id's line, and not when
// the event is complete (HTML section 9.2.6). If its stream is cut between the two, it resumes
// after a message that it does not have.
const savesIDsEarly = "npm eventsource 2"

// quickRetryServer starts a server whose only response sets a reconnection time of 50 ms, which an
// EventSource remembers. With the EventSource's own three seconds, twenty reconnections would take
// a minute.
func quickRetryServer(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/event-stream")
		answer.Header().Set("Access-Control-Allow-Origin", "*")
		answer.Header().Set("Connection", "close")
		io.WriteString(answer, "retry:50\n\n")
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// openThroughProxy opens an EventSource at a daemon behind a proxy. It returns when the EventSource
// has its stream and its first message, and so an id to resume with.
func openThroughProxy(t *testing.T, open opener, d *testtool.Daemon, target string, first Message) (*watcher, *testtool.Proxy) {
	t.Helper()
	proxy := testtool.StartProxy(t, quickRetryServer(t))
	w := open(t, proxy.URL+target, sse.DefaultGapEvent)
	w.wait(t, "error", 1)
	proxy.To(d.Subscribe[0])
	testtool.WaitFor(t, "the client to subscribe", func() bool { return len(streams(t, d)) == 1 })
	Publish(t, d.Publish[0], "/pets", first)
	w.wantEvents(t, first)
	return w, proxy
}

// TestEventSourceMissesNothing verifies that an EventSource receives every message once and in
// order, with no gap event, however often its stream is cut during a burst: by the network after
// any byte, or by the server.
func TestEventSourceMissesNothing(t *testing.T) {
	t.Parallel()
	targets := map[string]string{"a namespace": "/subscribe/pets", "a set": "/subscribe?ns=/time&ns=/pets/dogs&ns=/pets/cats&ns=/pets"}
	cutters := map[string]func(*testing.T, *testtool.Daemon, *testtool.Proxy) (done func() bool){
		"the network": cutByNetwork,
		"the server":  cutByServer,
	}
	for _, source := range eventSources {
		for by, cut := range cutters {
			if source.name == savesIDsEarly && by == "the network" {
				continue
			}
			for what, target := range targets {
				t.Run(fmt.Sprintf("%s, %s, cut by %s", source.name, what, by), func(t *testing.T) {
					t.Parallel()
					source.need(t)
					d := startQuiet(t, quickRetry, history)
					first := Message{Data: "first"}
					w, proxy := openThroughProxy(t, source.open, d, target, first)
					sent := burst(t, d, strings.Contains(target, "/time"), cut(t, d, proxy))
					w.wantEvents(t, append([]Message{first}, sent...)...)
					w.wait(t, "error", cuts+1) // one was before its first stream
				})
			}
		}
	}
}

// burst publishes until done returns true, and returns the messages that the subscriber must
// receive.
func burst(t *testing.T, d *testtool.Daemon, withTime bool, done func() bool) (expected []Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*testtool.Patience)
	defer cancel()
	client, err := publish.Dial(ctx, d.Publish[0])
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := 0; !done(); i++ {
		ns := []string{"/pets/dogs", "/time", "/petsmart", "/pets", "/pets/cats/old"}[rand.IntN(5)]
		data := fmt.Sprint(i, " ", strings.Repeat("x", rand.IntN(2000)))
		if _, err := client.Publish(ctx, sse.Message{Namespace: ns, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
		if ns != "/petsmart" && (ns != "/time" || withTime) {
			expected = append(expected, Message{Data: data})
		}
		// The burst must last as long as the cuts do. A client that is disconnected for 100 ms
		// still misses about 30 messages.
		time.Sleep(3 * time.Millisecond)
	}
	return expected
}

// cutByNetwork makes the proxy cut each new connection after a random number of bytes.
func cutByNetwork(_ *testing.T, _ *testtool.Daemon, proxy *testtool.Proxy) (done func() bool) {
	var n atomic.Int32
	proxy.Limit(func() int64 {
		if n.Add(1) >= cuts {
			return 0
		}
		return 300 + rand.Int64N(20_000)
	})
	proxy.Reset() // the current connection has no limit
	return func() bool { return n.Load() >= cuts }
}

// askInterval is the least time between two queries of the daemon's streams.
const askInterval = 10 * time.Millisecond

// cutByServer makes an operator disconnect the client each time it has reconnected.
func cutByServer(t *testing.T, d *testtool.Daemon, _ *testtool.Proxy) (done func() bool) {
	n, last, asked := 0, int64(0), time.Time{}
	return func() bool {
		if time.Since(asked) < askInterval {
			return n == cuts
		}
		asked = time.Now()
		for _, id := range streams(t, d) {
			if id == last || n == cuts {
				continue
			}
			answer, err := http.PostForm(d.Subscribe[0]+"/admin/disconnect", url.Values{"id": {fmt.Sprint(id)}})
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode == http.StatusNoContent {
				n, last = n+1, id
			}
		}
		return n == cuts
	}
}

// streams returns the ids of the daemon's subscribers.
func streams(t *testing.T, d *testtool.Daemon) (ids []int64) {
	t.Helper()
	answer, err := http.Get(d.Subscribe[0] + "/admin/status.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var status struct {
		Connections []struct{ ID int64 }
	}
	if err := json.NewDecoder(answer.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	for _, c := range status.Connections {
		ids = append(ids, c.ID)
	}
	return ids
}

// TestEventSourceGetsGapAfterRestart verifies the gap event after a restart. A killed daemon
// without a store loses its history. The next daemon sends a gap event, then the messages in its
// own history, then live messages.
func TestEventSourceGetsGapAfterRestart(t *testing.T) {
	t.Parallel()
	for _, source := range eventSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t, quickRetry, history)
			first := Message{Data: "first"}
			w, proxy := openThroughProxy(t, source.open, d, "/subscribe/pets", first)
			// Start the next daemon before the first is killed, because Node's EventSource gives up
			// when a connection is refused. With a restart on the same port, that would be
			// unlikely; with a change between two ports on a busy machine, it is not.
			missed := Message{Data: "of the next daemon"}
			next := startQuiet(t, quickRetry, history)
			Publish(t, next.Publish[0], "/pets", missed)
			proxy.To(next.Subscribe[0])
			d.Process.Kill()
			d.Wait(t)
			d = next
			w.wait(t, "event", 3)
			live := Message{Data: "live"}
			Publish(t, d.Publish[0], "/pets", live)
			w.wait(t, "event", 4)
			gap := w.of("event")[1]
			wantGap(t, gap.Data)
			w.wantEvents(t, first, Message{Event: sse.DefaultGapEvent, Data: gap.Data}, missed, live)
		})
	}
}

// wantGap checks the data of a gap event: it reports a new epoch, in which the first message is
// both the oldest and the newest.
func wantGap(t *testing.T, data string) {
	t.Helper()
	var gap sse.Gap
	if err := json.Unmarshal([]byte(data), &gap); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	asked, errAsked := sse.ParseID([]byte(gap.Asked))
	oldest, errOldest := sse.ParseID([]byte(gap.Oldest))
	if errAsked != nil || errOldest != nil || asked.Seq != 1 || oldest.Seq != 1 || asked.Epoch == oldest.Epoch ||
		gap.Reason != sse.GapEpoch || gap.Newest != gap.Oldest || gap.CompleteAfter != "" {
		t.Errorf("the gap event is %s", data)
	}
}
