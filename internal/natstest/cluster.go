package natstest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ssed/ssed/internal/testtool"
)

// A Cluster is some servers that know each other, with JetStream for as many
// replicas. All that they tell each other goes over links, which can be cut. Its methods are for
// one goroutine.
type Cluster struct {
	Servers []*Server

	links  map[[2]int]*link // by the numbers of who dials and who is dialed
	parted map[int]bool
}

// nowhere is what a server tells the others to dial. They would otherwise learn each
// other's addresses and go round the links; so that attempt fails, and they dial
// what they are told to.
const nowhere = "127.0.0.1:9"

// StartCluster starts n servers, and returns once all can have streams of n replicas.
// config is as for Start, for each of them.
func StartCluster(t testing.TB, n int, config ...string) *Cluster {
	t.Helper()
	c := &Cluster{links: map[[2]int]*link{}, parted: map[int]bool{}}
	doors := make([]string, n)
	for i := range doors {
		doors[i] = testtool.FreePort(t)
	}
	for i := range n {
		var routes []string
		for j := range n { // both dial, and keep the connection that came first
			if j == i {
				continue
			}
			l := startLink(t, doors[j])
			c.links[[2]int{i, j}] = l
			routes = append(routes, fmt.Sprintf("%q", "nats://"+l.address))
		}
		s := configure(t, fmt.Sprintf("nats-%d", i), append([]string{
			// Without a pool all goes over one connection. Clients know the servers that a
			// test gave them, and hear of no others.
			fmt.Sprintf("cluster { name: ssed, listen: %q, advertise: %q, no_advertise: true, pool_size: -1, routes: [%s] }", doors[i], nowhere, strings.Join(routes, ", ")),
		}, config...)...)
		c.Servers = append(c.Servers, s)
	}
	for _, s := range c.Servers {
		s.start(t)
	}
	for _, s := range c.Servers {
		s.waitForPort(t)
	}
	testtool.WaitFor(t, "a leader of the cluster", c.ready)
	return c
}

// ready tries whether each server can make a stream on all of them: who leads may not
// know of the others yet.
func (c *Cluster) ready() bool {
	for i := range c.Servers {
		if !c.ask(i, func(ctx context.Context, js jetstream.JetStream) error {
			probe := jetstream.StreamConfig{Name: "probe", Replicas: len(c.Servers)}
			if _, err := js.CreateOrUpdateStream(ctx, probe); err != nil {
				return err
			}
			return js.DeleteStream(ctx, probe.Name)
		}) {
			return false
		}
	}
	return true
}

// ask has a question answered by one server, soon, or not at all.
func (c *Cluster) ask(i int, question func(context.Context, jetstream.JetStream) error) (answered bool) {
	conn, err := nats.Connect(c.Servers[i].URL, nats.IgnoreDiscoveredServers(), nats.Timeout(time.Second))
	if err != nil {
		return false
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return question(ctx, js) == nil
}

// URLs are where clients connect, one for each server.
func (c *Cluster) URLs() (urls []string) {
	for _, s := range c.Servers {
		urls = append(urls, s.URL)
	}
	return urls
}

// Partition cuts server i off from all others. Clients still reach it.
func (c *Cluster) Partition(i int) { c.part(i, true) }

// Heal mends what Partition cut.
func (c *Cluster) Heal(i int) { c.part(i, false) }

func (c *Cluster) part(i int, cut bool) {
	c.parted[i] = cut
	for ends, l := range c.links {
		if ends[0] == i || ends[1] == i {
			l.set(c.parted[ends[0]] || c.parted[ends[1]])
		}
	}
}

// Leader waits until those servers that run, and are not cut off, agree on who of
// them leads a stream, and returns its number.
func (c *Cluster) Leader(t testing.TB, stream string) (leader int) {
	t.Helper()
	testtool.WaitFor(t, "a leader of the stream "+stream, func() bool {
		leader = -1
		for i, s := range c.Servers {
			if c.parted[i] || !s.alive() {
				continue
			}
			name := ""
			if !c.ask(i, func(ctx context.Context, js jetstream.JetStream) error {
				got, err := js.Stream(ctx, stream)
				if err == nil && got.CachedInfo().Cluster != nil {
					name = got.CachedInfo().Cluster.Leader
				}
				return err
			}) {
				return false
			}
			leads := c.number(name)
			if leads < 0 || leader >= 0 && leads != leader || c.parted[leads] || !c.Servers[leads].alive() {
				return false
			}
			leader = leads
		}
		return leader >= 0
	})
	return leader
}

func (c *Cluster) number(name string) int {
	for i, s := range c.Servers {
		if s.Name == name {
			return i
		}
	}
	return -1
}

// KillLeader kills the server that leads a stream, and returns its number.
func (c *Cluster) KillLeader(t testing.TB, stream string) (leader int) {
	t.Helper()
	leader = c.Leader(t, stream)
	c.Servers[leader].Kill()
	return leader
}
