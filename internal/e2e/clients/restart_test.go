package clients

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// own is a loopback address that only these tests use. On 127.0.0.1, another process could get the
// port while no daemon runs.
const own = "127.0.90.1:0"

// TestEventSourceSurvivesRestarts verifies that every EventSource reconnects on its own to a new
// daemon on the same port, several times, and receives what is published from then on. The daemon
// is killed or stopped with SIGTERM.
func TestEventSourceSurvivesRestarts(t *testing.T) {
	testtool.Long(t, "it starts four daemons for each client")
	t.Parallel()
	for _, source := range eventSources {
		t.Run(source.name, func(t *testing.T) {
			t.Parallel()
			source.need(t)
			d := startOn(t, own, "tcp://"+own)
			front := newFront(t, source.givesUpIfRefused(), d)
			survive(t, front, d, source.open(t, front.url+"/subscribe/pets", "new-dog"))
		})
	}
	for _, b := range browsers {
		t.Run(b.engine+" tabs", func(t *testing.T) {
			t.Parallel()
			b.need(t)
			d := startOn(t, own, "tcp://"+own)
			// A browser opens at most six streams to a host. With five tabs, a stream that the
			// browser has abandoned but not yet closed does not keep a tab from reconnecting.
			front := newFront(t, b.givesUpIfRefused(), d)
			var tabs []*watcher
			for range 5 {
				tabs = append(tabs, b.in("page.html")(t, front.url+"/subscribe/pets", "new-dog"))
			}
			survive(t, front, d, tabs...)
		})
	}
}

// A front is the address that clients connect to. Some clients give up if a connection is refused
// when they reconnect, so a proxy can hold their connections while no daemon runs.
type front struct {
	url   string
	proxy *testtool.Proxy // nil if clients connect directly to the daemon
}

func newFront(t *testing.T, hold bool, d *testtool.Daemon) front {
	t.Helper()
	if !hold {
		return front{url: d.Subscribe[0]}
	}
	proxy := testtool.StartProxy(t, d.Subscribe[0])
	return front{proxy.URL, proxy}
}

// to sends new connections to the daemon at url. If url is empty, they wait.
func (f front) to(url string) {
	if f.proxy != nil {
		f.proxy.To(url)
	}
}

// survive restarts the daemon in both ways while clients have a stream.
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
			t.Errorf("a client reported %d errors, so it was not disconnected %d times", n, len(signals))
		}
	}
}

// restart stops a daemon with a signal, and starts another one on the same addresses.
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

// startAgain starts a daemon on the addresses of a stopped one.
func startAgain(t *testing.T, d *testtool.Daemon) *testtool.Daemon {
	t.Helper()
	return startOn(t, strings.TrimPrefix(d.Subscribe[0], "http://"), d.Publish[0])
}

// startOn starts a daemon that logs each subscription. Its clients reconnect soon: the default of 2
// to 6 seconds would take most of the tests' time.
func startOn(t *testing.T, listen, publish string) *testtool.Daemon {
	t.Helper()
	return startQuiet(t, quickRetry, "--log-level=debug", "--listen="+listen, "--publish="+publish)
}

// waitForSubscribers waits until all clients have subscribed. A client's report of an open stream
// would not suffice: a daemon that is shutting down also opens a stream, only to set the client's
// reconnection time.
func waitForSubscribers(t *testing.T, d *testtool.Daemon, clients []*watcher) {
	t.Helper()
	testtool.WaitFor(t, "all clients to subscribe", func() bool {
		for _, w := range clients {
			if w.gaveUp() {
				t.Fatal("a client gave up")
			}
		}
		return strings.Count(d.Log(), ` msg="subscriber connected" `) >= len(clients)
	})
}
