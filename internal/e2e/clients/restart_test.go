package clients

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// own is a loopback address that nobody else uses. While no daemon runs, another
// process could be given the port on 127.0.0.1.
const own = "127.0.90.1:0"

// TestEventSourceSurvivesRestarts: whether the daemon is killed or asked to end,
// every EventSource is back by itself once another one serves on the same port,
// time and again, and receives what is published from then on.
func TestEventSourceSurvivesRestarts(t *testing.T) {
	testtool.Long(t, "it starts four daemons for each client")
	t.Parallel()
	for _, source := range eventSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startOn(t, own, "tcp://"+own)
			front := newFront(t, source.endsIfRefused(), d)
			survive(t, front, d, source.open(t, front.url+"/subscribe/pets", "new-dog"))
		})
	}
	for _, b := range browsers {
		t.Run(b.engine+" tabs", func(t *testing.T) {
			t.Parallel()
			b.need(t)
			d := startOn(t, own, "tcp://"+own)
			// One stream less than a browser opens to a host: one that it has given up
			// but not yet closed must not keep the next from coming back.
			front := newFront(t, b.endsIfRefused(), d)
			var tabs []*watcher
			for range 5 {
				tabs = append(tabs, b.in("page.html")(t, front.url+"/subscribe/pets", "new-dog"))
			}
			survive(t, front, d, tabs...)
		})
	}
}

// A front is where clients connect. Some clients give up for good if nobody listens at the
// moment they reconnect, so a proxy can hold their connections while no daemon runs.
type front struct {
	url   string
	proxy *testtool.Proxy // nil: clients connect to the daemon itself
}

func newFront(t *testing.T, hold bool, d *testtool.Daemon) front {
	t.Helper()
	if !hold {
		return front{url: d.Subscribe[0]}
	}
	proxy := testtool.StartProxy(t, d.Subscribe[0])
	return front{proxy.URL, proxy}
}

// to sends clients that come from now on to a daemon; with an empty URL they wait.
func (f front) to(url string) {
	if f.proxy != nil {
		f.proxy.To(url)
	}
}

// survive restarts the daemon, in both ways, under clients that have a stream.
func survive(t *testing.T, front front, d *testtool.Daemon, clients ...*watcher) {
	t.Helper()
	signals := []os.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL}
	var sent []Message
	for round := range len(signals) + 1 {
		if round > 0 {
			front.to("")
			d = restart(t, d, signals[round-1])
			front.to(d.Subscribe[0])
		}
		waitForSubscribers(t, d, clients)
		m := Message{Event: "new-dog", Data: fmt.Sprint("of daemon ", round)}
		Publish(t, d.Publish[0], "/pets", m)
		sent = append(sent, m)
		for _, w := range clients {
			w.wantEvents(t, sent...)
		}
	}
	for _, w := range clients {
		if n := len(w.of("error")); n < len(signals) {
			t.Errorf("a client reported %d errors, so it was not cut off %d times", n, len(signals))
		}
	}
}

// restart ends a daemon and starts another on the same addresses.
func restart(t *testing.T, d *testtool.Daemon, signal os.Signal) *testtool.Daemon {
	t.Helper()
	if err := d.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if code := d.Wait(t); signal == syscall.SIGTERM && code != 0 {
		t.Errorf("exit code %d after %v", code, signal)
	}
	return startAgain(t, d)
}

// startAgain starts a daemon on the addresses of one that has ended.
func startAgain(t *testing.T, d *testtool.Daemon) *testtool.Daemon {
	t.Helper()
	return startOn(t, strings.TrimPrefix(d.Subscribe[0], "http://"), d.Publish[0])
}

// startOn starts a daemon that logs each subscription. Its clients reconnect soon: the
// default of 2 to 6 seconds would be most of the time that its tests take.
func startOn(t *testing.T, listen, publish string) *testtool.Daemon {
	t.Helper()
	return startQuiet(t, quickRetry, "--log-level=debug", "--listen="+listen, "--publish="+publish)
}

// waitForSubscribers waits until all clients have subscribed. That they report a
// stream would not do: one that is told politely to come back later, by a daemon
// that is about to end, reports that, too.
func waitForSubscribers(t *testing.T, d *testtool.Daemon, clients []*watcher) {
	t.Helper()
	testtool.WaitFor(t, "all clients to subscribe", func() bool {
		for _, w := range clients {
			if w.gaveUp() {
				t.Fatal("a client gave up for good")
			}
		}
		return strings.Count(d.Log(), ` msg="subscriber connected" `) >= len(clients)
	})
}
