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

// nobody is where nothing listens.
const nobody = "127.0.0.1:9"

// TestLinkIsCut between one daemon and its only NATS server, and mended: the others go
// on meanwhile, its subscribers keep their streams, and in the end have everything.
func TestLinkIsCut(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers lose each other for seconds")
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
	link.To(nobody)
	link.Reset()
	testtool.WaitFor(t, "daemon 0 to notice", func() bool { return strings.Contains(e.nodes[0].Log(), "store connection lost") })
	before := len(subscribers[0].Messages())
	for i := 1; i < nodesCount; i++ {
		ledger.WaitAcked(t, 200, publishers[i])
		subscribers[i].WaitCount(t, before+400)
	}
	wantTooEarly(t, e.nodes[0], subscribers[1])
	if has := len(subscribers[0].Messages()); has > before+batchSize {
		t.Errorf("the link is cut, and the number of messages grew from %d to %d", before, has)
	}
	// It comes from a daemon that was ahead, and goes on trying here.
	id := subscribers[1].LastID()
	back := startSubscriber(t, "back at 0", e.nodes[0].Subscribe[0]+"/subscribe/n", id.String())
	testtool.WaitFor(t, "a publisher to be told that the store is away", func() bool { return repeated(publishers[0]) > 0 })

	link.To(address(e.nats.Servers[0].URL))
	ledger.WaitAcked(t, 200, publishers[0])
	published := ledger.Stop(t, publishers...)
	keptStreams(t, subscribers, published)
	back.WaitAll(t, ledger.Audit{Ledgers: published, After: id.Seq})
}

// TestServerIsCutOff from the other NATS servers, and its links are mended: a daemon
// that knows of others goes there, one that does not waits, and in the end all have
// everything once.
func TestServerIsCutOff(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers lose each other for seconds")
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
		t.Fatalf("%d is cut off, and leads", cut)
	}
	ledger.WaitAcked(t, 200, publishers[0]) // it finds its way
	ledger.WaitAcked(t, 200, publishers[other])
	if now := connectedTo(t, e.nodes[0]); now != other {
		t.Errorf("daemon 0 is connected to %d, and goes on: %d is cut off", now, cut)
	}
	has := len(subscribers[cut].Messages())
	subscribers[0].WaitCount(t, has+400)
	wantTooEarly(t, e.nodes[cut], subscribers[0])
	if now := len(subscribers[cut].Messages()); now > has {
		t.Errorf("%d is cut off, and the number of messages there grew from %d to %d", cut, has, now)
	}
	e.nats.Heal(cut)
	ledger.WaitAcked(t, 200, publishers...)
	keptStreams(t, subscribers, ledger.Stop(t, publishers...))
}

// everywhere starts a subscriber and a publisher at each daemon, and returns once all
// are at work.
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

// keptStreams wants all subscribers to have everything, over the stream that they had.
func keptStreams(t *testing.T, subscribers []*ledger.Subscriber, published []*ledger.Ledger) {
	t.Helper()
	for _, s := range subscribers {
		s.WaitAll(t, ledger.Audit{Ledgers: published})
		if lost := s.State().Lost; lost > 0 {
			t.Errorf("%s: %d streams ended", s.Name, lost)
		}
	}
}

var retry = regexp.MustCompile(`^retry:(\d+)\n\n$`)

// wantTooEarly wants a daemon that lags to send who comes from another one away for a
// while, and nothing else.
func wantTooEarly(t *testing.T, d *testtool.Daemon, from *ledger.Subscriber) {
	t.Helper()
	id := from.LastID().String()
	got := ""
	testtool.WaitFor(t, "a daemon that lags to say something", func() bool {
		got = peek(d, "/subscribe/n", "Last-Event-ID: "+id)
		return strings.HasSuffix(got, "\n\n")
	})
	found := retry.FindStringSubmatch(got)
	if found == nil {
		t.Fatalf("who comes with %s gets %.300q", id, got)
	}
	if ms, _ := strconv.Atoi(found[1]); ms < 50 || ms > 10_000 {
		t.Errorf("who comes with %s is to come back after %d ms", id, ms)
	}
}

var servedBy = regexp.MustCompile(`server="nats-(\d) `)

// connectedTo is the number of the NATS server that a daemon said last that it is
// connected to.
func connectedTo(t *testing.T, d *testtool.Daemon) int {
	t.Helper()
	said := servedBy.FindAllStringSubmatch(d.Log(), -1)
	if len(said) == 0 {
		t.Fatal("the daemon does not say where it is connected to")
	}
	n, _ := strconv.Atoi(said[len(said)-1][1])
	return n
}

// address is the host:port of a URL.
func address(url string) string {
	_, address, _ := strings.Cut(url, "://")
	return address
}
