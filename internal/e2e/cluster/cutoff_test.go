package cluster

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// deadAddress is an address where nothing listens.
const deadAddress = "127.0.0.1:9"

// TestLinkIsCut cuts the link between a daemon and its only NATS server, and repairs it. It
// verifies that the other daemons continue, that the subscribers of this daemon keep their streams,
// and that all of them finally have every message.
func TestLinkIsCut(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers are disconnected for seconds")
	t.Parallel() // it waits, most of the time
	var link *testtool.Proxy
	e := open(t, func(e *env, i int) []string {
		if i > 0 {
			return e.nats.URLs()
		}
		link = testtool.StartProxy(t, address(e.nats.Servers[0].URL))
		return []string{"nats://" + address(link.URL)}
	}, nil)
	subscribers, publishers := everywhere(t, e)
	link.To(deadAddress)
	link.Reset()
	testtool.WaitFor(t, "daemon 0 to notice", func() bool { return strings.Contains(e.nodes[0].Log(), "store connection lost") })
	before := len(subscribers[0].Messages())
	for i := 1; i < nodesCount; i++ {
		ledger.WaitAcked(t, 200, publishers[i])
		subscribers[i].WaitCount(t, before+400)
	}
	wantRetryLater(t, e.nodes[0], subscribers[1])
	if has := len(subscribers[0].Messages()); has > before+batchSize {
		t.Errorf("the link is cut, but the number of messages grew from %d to %d", before, has)
	}
	// This subscriber was at a daemon that was ahead, and keeps trying at this one.
	id := subscribers[1].LastID()
	back := startSubscriber(t, "back at 0", e.nodes[0].Subscribe[0]+"/subscribe/n", id.String())
	testtool.WaitFor(t, "a publisher to get ERR busy or lose its connection", func() bool { return repeated(publishers[0]) > 0 })

	link.To(address(e.nats.Servers[0].URL))
	ledger.WaitAcked(t, 200, publishers[0])
	published := ledger.Stop(t, publishers...)
	keptStreams(t, subscribers, published)
	back.WaitAll(t, ledger.Audit{Ledgers: published, After: id.Seq})
}

// TestServerIsCutOff cuts one NATS server off from the others, and repairs its links. It verifies
// that a daemon that knows other servers connects to one of them, that a daemon that does not
// waits, and that all subscribers finally have every message once.
func TestServerIsCutOff(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers are disconnected for seconds")
	t.Parallel() // it waits, most of the time
	e := open(t, func(e *env, i int) []string {
		if i > 0 {
			return e.nats.URLs()[i : i+1]
		}
		return e.nats.URLs()[1:]
	}, nil)
	subscribers, publishers := everywhere(t, e)
	cut := connectedTo(t, e.nodes[0])
	other := nodesCount - cut
	e.nats.Partition(cut)
	if leads := e.nats.Leader(t, stream); leads == cut {
		t.Fatalf("server %d is cut off, but it still leads the stream", cut)
	}
	ledger.WaitAcked(t, 200, publishers[0]) // daemon 0 finds the other server
	ledger.WaitAcked(t, 200, publishers[other])
	if now := connectedTo(t, e.nodes[0]); now != other {
		t.Errorf("daemon 0 is connected to server %d, but server %d is cut off", now, cut)
	}
	has := len(subscribers[cut].Messages())
	subscribers[0].WaitCount(t, has+400)
	wantRetryLater(t, e.nodes[cut], subscribers[0])
	if now := len(subscribers[cut].Messages()); now > has {
		t.Errorf("server %d is cut off, but its subscriber's messages grew from %d to %d", cut, has, now)
	}
	e.nats.Heal(cut)
	ledger.WaitAcked(t, 200, publishers...)
	keptStreams(t, subscribers, ledger.Stop(t, publishers...))
}

// everywhere starts a subscriber and a publisher at each daemon. It returns when all have received
// or published some messages.
func everywhere(t *testing.T, e *env) (subscribers []*ledger.Subscriber, publishers []*ledger.Publisher) {
	t.Helper()
	for i, d := range e.nodes {
		subscribers = append(subscribers, startSubscriber(t, fmt.Sprint("at ", i), d.Subscribe[0]+"/subscribe/n", ""))
	}
	for i, d := range e.nodes {
		publishers = append(publishers, startPublisher(t, fmt.Sprint("p", i), fmt.Sprint("/n/", i), d.Publish[0]))
	}
	ledger.WaitAcked(t, 100, publishers...)
	for _, s := range subscribers {
		s.WaitCount(t, 100)
	}
	return subscribers, publishers
}

// keptStreams checks that all subscribers have every message, and that none lost its stream.
func keptStreams(t *testing.T, subscribers []*ledger.Subscriber, published []*ledger.Ledger) {
	t.Helper()
	for _, s := range subscribers {
		s.WaitAll(t, ledger.Audit{Ledgers: published})
		if lost := s.State().Lost; lost > 0 {
			t.Errorf("%s lost %d streams", s.Name, lost)
		}
	}
}

var retry = regexp.MustCompile(`^retry:(\d+)\n\n$`)

// wantRetryLater checks that a lagging daemon only tells a subscriber from another daemon to
// reconnect later.
func wantRetryLater(t *testing.T, d *testtool.Daemon, from *ledger.Subscriber) {
	t.Helper()
	id := from.LastID().String()
	got := ""
	testtool.WaitFor(t, "the lagging daemon to answer", func() bool {
		got = peek(d, "/subscribe/n", "Last-Event-ID: "+id)
		return strings.HasSuffix(got, "\n\n")
	})
	found := retry.FindStringSubmatch(got)
	if found == nil {
		t.Fatalf("the daemon answered Last-Event-ID %s with %.300q, want only a retry", id, got)
	}
	if ms, _ := strconv.Atoi(found[1]); ms < 50 || ms > 10_000 {
		t.Errorf("the daemon answered Last-Event-ID %s with a retry of %d ms, want 50 to 10,000", id, ms)
	}
}

var servedBy = regexp.MustCompile(`server="nats-(\d) `)

// connectedTo returns the number of the NATS server that a daemon last logged as its server.
func connectedTo(t *testing.T, d *testtool.Daemon) int {
	t.Helper()
	said := servedBy.FindAllStringSubmatch(d.Log(), -1)
	if len(said) == 0 {
		t.Fatal("the daemon's log names no server")
	}
	n, _ := strconv.Atoi(said[len(said)-1][1])
	return n
}

// address returns the host:port of a URL.
func address(url string) string {
	_, address, _ := strings.Cut(url, "://")
	return address
}
