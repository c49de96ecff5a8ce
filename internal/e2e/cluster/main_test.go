package cluster

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/natstest"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

func TestMain(m *testing.M) {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin") // HAProxy is there on Debian
	os.Exit(testtool.Main(m))
}

// nodesCount is the number of daemons, of NATS servers, and of the stream's replicas.
const nodesCount = 3

// stream is the stream's name.
const stream = "ssed"

// busyAfter is --nats-timeout: how long a publisher waits for the store before it gets ERR busy.
const busyAfter = 2 * time.Second

// retryTime is the daemons' --retry. The default of 2 to 6 seconds would take most of the time of
// these tests.
const retryTime = 100 * time.Millisecond

const (
	// batchSize is how many messages a publisher sends without waiting for replies.
	batchSize = 20
	// batchInterval is how often a publisher sends a batch, unless the replies take longer. The
	// load leaves a small machine enough time for the rest of the test.
	batchInterval = 20 * time.Millisecond
)

// An env is a cluster of NATS servers, and the daemons that share it.
type env struct {
	nats  *natstest.Cluster
	nodes []*testtool.Daemon
}

// open starts an env. servers returns the NATS servers that daemon i knows; if it is nil, all
// daemons know all servers. flags returns additional flags of daemon i.
func open(t *testing.T, servers func(e *env, i int) []string, flags func(i int) []string) *env {
	t.Helper()
	e := &env{nats: natstest.StartCluster(t, nodesCount)}
	if servers == nil {
		servers = func(e *env, _ int) []string { return e.nats.URLs() }
	}
	for i := range nodesCount {
		args := []string{"--nats-stream-replicas=3", "--nats-timeout=" + busyAfter.String(), "--retry=" + retryTime.String()}
		for _, url := range servers(e, i) {
			args = append(args, "--nats="+url)
		}
		if flags != nil {
			args = append(args, flags(i)...)
		}
		e.nodes = append(e.nodes, testtool.Start(t, args...))
	}
	for _, d := range e.nodes {
		waitReady(t, d)
	}
	return e
}

// startPublisher starts a publisher that sends each message until it is acknowledged. It publishes
// until it is stopped.
func startPublisher(t *testing.T, name, namespace, url string) *ledger.Publisher {
	t.Helper()
	return ledger.StartPublisher(t, ledger.PublisherOptions{
		URL: url, Name: name, Namespace: namespace, Keyed: true,
		Messages: ledger.Endless, Batch: batchSize, Interval: batchInterval,
	})
}

// repeated returns how many sent messages were not acknowledged at first.
func repeated(p *ledger.Publisher) int { return p.Stats().Busy + p.Stats().Broken }

// startSubscriber starts a subscriber, and returns when it has its first stream.
func startSubscriber(t *testing.T, name, url, lastEventID string) *ledger.Subscriber {
	t.Helper()
	s := ledger.StartSubscriber(t, ledger.SubscriberOptions{URL: url, Name: name, LastEventID: lastEventID, Patient: true})
	s.WaitStream(t)
	return s
}

// waitReady waits until a daemon accepts publishers and subscribers.
func waitReady(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	testtool.WaitFor(t, "a daemon that accepts messages", func() bool {
		return publishOnce(d.Publish[0], sse.Message{Namespace: "/ready", Data: []byte("ready")}) == nil
	})
	testtool.WaitFor(t, "a daemon that accepts subscribers", func() bool {
		return strings.Contains(peek(d, "/subscribe/ready?last=1"), "data:ready\n\n")
	})
}

// publishOnce publishes one message over a new connection.
func publishOnce(url string, m sse.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), testtool.Patience)
	defer cancel()
	client, err := publish.Dial(ctx, url)
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Publish(ctx, m)
	return err
}

// peek returns the first frame of a daemon's stream, or the error if none arrives within 3 seconds.
func peek(d *testtool.Daemon, target string, headers ...string) string {
	conn, err := testtool.Dialer{}.Dial(context.Background(), d.Subscribe[0])
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	s, err := testtool.Get(conn, target, headers...)
	if err != nil {
		return err.Error()
	}
	conn.SetReadDeadline(time.Now().Add(3 * time.Second))
	for {
		block, err := s.Block()
		if err != nil {
			return err.Error()
		}
		if block[0] != ':' {
			return string(block)
		}
	}
}
