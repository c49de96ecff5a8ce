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

// history keeps all that a test publishes.
const history = "--history=100000"

// quickRetry is what a daemon tells an EventSource at the beginning of each stream: twenty
// times the usual seconds would be more than a minute.
const quickRetry = "--retry=100ms"

// notesIDsEarly takes an id for its last one as soon as it has read that line, and
// not when the event is whole (HTML section 9.2.6). Where its stream is cut between
// the two it comes back for what follows a message that it does not have.
const notesIDsEarly = "npm eventsource 2"

// impatient starts a server whose only answer is to come back in 50 ms, which an
// EventSource remembers: twenty times the three seconds of its own would be a minute.
func impatient(t *testing.T) (url string) {
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

// openImpatient opens an EventSource at a daemon behind a proxy, and returns once it
// has its stream and its first message: it then has an id to come back with.
func openImpatient(t *testing.T, open opener, d *testtool.Daemon, target string, first Message) (*watcher, *testtool.Proxy) {
	t.Helper()
	proxy := testtool.StartProxy(t, impatient(t))
	w := open(t, proxy.URL+target, sse.DefaultGapEvent)
	w.wait(t, "error", 1)
	proxy.To(d.Subscribe[0])
	testtool.WaitFor(t, "the client to subscribe", func() bool { return len(streams(t, d)) == 1 })
	Publish(t, d.Publish[0], "/pets", first)
	w.wantEvents(t, first)
	return w, proxy
}

// TestEventSourceMissesNothing: however often a stream ends in the middle of a burst,
// by the network after any byte or by the server, an EventSource ends with every
// message once and in order, and is told of no gap.
func TestEventSourceMissesNothing(t *testing.T) {
	t.Parallel()
	targets := map[string]string{"a namespace": "/subscribe/pets", "a set": "/subscribe?ns=/time&ns=/pets/dogs&ns=/pets/cats&ns=/pets"}
	cutters := map[string]func(*testing.T, *testtool.Daemon, *testtool.Proxy) (done func() bool){
		"the network": cutByNetwork,
		"the server":  cutByServer,
	}
	for _, source := range eventSources {
		for who, cut := range cutters {
			if source.name == notesIDsEarly && who == "the network" {
				continue
			}
			for what, target := range targets {
				t.Run(fmt.Sprintf("%s, %s, cut by %s", source.name, what, who), func(t *testing.T) {
					t.Parallel()
					source.need(t)
					d := startQuiet(t, quickRetry, history)
					first := Message{Data: "first"}
					w, proxy := openImpatient(t, source.open, d, target, first)
					sent := burst(t, d, strings.Contains(target, "/time"), cut(t, d, proxy))
					w.wantEvents(t, append([]Message{first}, sent...)...)
					w.wait(t, "error", cuts+1) // one was before its first stream
				})
			}
		}
	}
}

// burst publishes until it is done, and returns what is heard of it.
func burst(t *testing.T, d *testtool.Daemon, hearsTime bool, done func() bool) (heard []Message) {
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
		if ns != "/petsmart" && (ns != "/time" || hearsTime) {
			heard = append(heard, Message{Data: data})
		}
		// The burst must last as long as the cuts do. A client that is away for 100 ms still
		// misses about 30 messages.
		time.Sleep(3 * time.Millisecond)
	}
	return heard
}

// cutByNetwork has the proxy cut the next connections after a random number of bytes.
func cutByNetwork(_ *testing.T, _ *testtool.Daemon, proxy *testtool.Proxy) (done func() bool) {
	var n atomic.Int32
	proxy.Limit(func() int64 {
		if n.Add(1) >= cuts {
			return 0
		}
		return 300 + rand.Int64N(20_000)
	})
	proxy.Reset() // the connection that is there has no limit
	return func() bool { return n.Load() >= cuts }
}

// askInterval is the least time between two looks at the daemon's streams.
const askInterval = 10 * time.Millisecond

// cutByServer has an operator disconnect the stream as soon as it is there again.
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

// TestEventSourceIsToldOfARestart: a daemon that was killed has forgotten what it
// kept. The next one says so, gives what it has kept itself, and goes on.
func TestEventSourceIsToldOfARestart(t *testing.T) {
	t.Parallel()
	for _, source := range eventSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startQuiet(t, quickRetry, history)
			first := Message{Data: "first"}
			w, proxy := openImpatient(t, source.open, d, "/subscribe/pets", first)
			// The next one is there when the first goes: Node's EventSource gives up on
			// a connection that is refused, which restarts on one port make unlikely, and
			// a busy machine between two ports does not.
			missed := Message{Data: "of another life"}
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
			told := w.of("event")[1]
			wantGap(t, told.Data)
			w.wantEvents(t, first, Message{Event: sse.DefaultGapEvent, Data: told.Data}, missed, live)
		})
	}
}

// wantGap wants a gap's data to tell of another epoch, of which the first message is
// the oldest and the newest.
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
		t.Errorf("told %s", data)
	}
}
