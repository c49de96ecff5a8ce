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

// A Cluster is a group of servers with JetStream. The servers connect to each other only over
// links, which can be cut:
//
//	          ┌─── link {0,1} ──▶┐
//	server 0 ─┤                  ├─ server 1        and likewise for each pair
//	          └◀── link {1,0} ───┘
//
// Its methods are for one goroutine.
type Cluster struct {
	Servers []*Server

	links  map[[2]int]*link // by the numbers of the server that dials and the server that it dials
	parted map[int]bool     // servers that Partition has cut off
}

// nowhere is the address that each server advertises to the others. Servers dial advertised
// addresses in addition to their configured routes, and would bypass the links. They cannot connect
// to this address, so only the routes remain.
const nowhere = "127.0.0.1:9"

// StartCluster starts n servers, and returns once each of them can create a stream with n
// replicas. config is added to the configuration of each server, as for Start.
func StartCluster(t testing.TB, n int, config ...string) *Cluster {
	t.Helper()
	c := &Cluster{links: map[[2]int]*link{}, parted: map[int]bool{}}
	ports := make([]string, n) // where the servers accept routes
	for i := range ports {
		ports[i] = testtool.FreePort(t)
	}
	for i := range n {
		var routes []string
		for j := range n { // both servers of a pair dial, and keep the first connection
			if j == i {
				continue
			}
			l := startLink(t, ports[j])
			c.links[[2]int{i, j}] = l
			routes = append(routes, fmt.Sprintf("%q", "nats://"+l.address))
		}
		s := configure(t, fmt.Sprintf("nats-%d", i), append([]string{
			// Without a pool, two servers use one connection. Clients learn of no servers other
			// than the ones in their URLs.
			fmt.Sprintf("cluster { name: ssed, listen: %q, advertise: %q, no_advertise: true, pool_size: -1, routes: [%s] }", ports[i], nowhere, strings.Join(routes, ", ")),
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

// ready reports whether each server can create a stream with replicas on all servers. A new leader
// may not know the other servers yet.
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

// ask sends a request to server i, and reports whether it succeeded within a second.
func (c *Cluster) ask(i int, request func(context.Context, jetstream.JetStream) error) (ok bool) {
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
	return request(ctx, js) == nil
}

// URLs returns the client URL of each server.
func (c *Cluster) URLs() (urls []string) {
	for _, s := range c.Servers {
		urls = append(urls, s.URL)
	}
	return urls
}

// Partition cuts server i off from all other servers. Clients can still connect to it.
func (c *Cluster) Partition(i int) { c.part(i, true) }

// Heal ends the partition of server i.
func (c *Cluster) Heal(i int) { c.part(i, false) }

func (c *Cluster) part(i int, cut bool) {
	c.parted[i] = cut
	for ends, l := range c.links {
		if ends[0] == i || ends[1] == i {
			l.set(c.parted[ends[0]] || c.parted[ends[1]])
		}
	}
}

// Leader returns the number of the server that leads a stream. It waits until all servers that run
// and are not cut off agree, and the leader is one of them.
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

// number returns the number of the server with a name, or -1.
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
