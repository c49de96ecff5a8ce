package vanished

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

const (
	heartbeat    = time.Second
	stallTimeout = 2 * time.Second
	// tick is the precision of the time in the daemon's loop.
	tick = 100 * time.Millisecond
	// grace allows for slow machines. It is far less than the quarter of an hour that the kernel
	// would take by default.
	grace = 8 * time.Second
)

// A way describes how all clients of a remote vanish without a FIN or a RST, and how they return.
type way struct {
	name         string
	vanish, back func(*testing.T, *env, remote)
}

var ways = []way{
	{
		"the link goes down",
		func(t *testing.T, e *env, r remote) { r.IP(t, "link set dev home down") },
		func(t *testing.T, e *env, r remote) { r.IP(t, "link set dev home up") },
	},
	{
		// Like behind a router that has lost its state: the daemon's own link works, and no one
		// sends an error.
		"the packets are lost",
		func(t *testing.T, e *env, r remote) {
			r.IP(t, "route add blackhole "+r.daemon4)
			r.IP(t, "route add blackhole "+r.daemon6)
		},
		func(t *testing.T, e *env, r remote) { r.IP(t, "route delete blackhole "+r.daemon4) },
	},
	{
		// Like a host in the same network that is switched off: it no longer answers ARP, and the
		// daemon's kernel reports the host as unreachable.
		"the neighbor has vanished",
		func(t *testing.T, e *env, r remote) {
			e.sysctl(t, "ipv4/neigh/"+r.near+"/retrans_time_ms", "100")
			e.sysctl(t, "ipv6/neigh/"+r.near+"/retrans_time_ms", "100")
			r.IP(t, "address flush dev home")
			e.IP(t, "neighbor flush dev "+r.near)
		},
		nil,
	},
	{
		"the daemon's own link is down",
		func(t *testing.T, e *env, r remote) { e.IP(t, "link delete dev "+r.near) },
		nil,
	},
}

// The namespaces that the clients subscribe to.
const (
	quiet   = "/quiet"   // only heartbeats
	busy    = "/busy"    // a small message every millisecond
	flooded = "/flooded" // after they have vanished, enough messages to fill their sockets
)

var namespaces = []string{quiet, busy, flooded}

// A party is a group of clients that vanish together.
type party struct {
	way
	remote
	clients          []*subscriber
	earliest, latest time.Time // when it vanished
}

// TestVanished lets groups of clients vanish in all ways at about the same time, and checks the
// invariant of this package.
func TestVanished(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "--heartbeat="+heartbeat.String(), "--stall-timeout="+stallTimeout.String())
	others := e.bystanders(t)
	before := e.descriptors(t)
	var parties []*party
	for i, w := range ways {
		p := &party{way: w, remote: e.newRemote(t, i+1)}
		for _, namespace := range namespaces {
			for _, address := range e.addresses(p.remote) {
				p.clients = append(p.clients, p.subscribe(t, address, namespace))
			}
		}
		parties = append(parties, p)
	}
	traffic := e.startTraffic(t)
	for _, p := range parties {
		p.earliest = time.Now()
		p.vanish(t, e, p.remote)
		p.latest = time.Now()
	}
	flooded := e.flood(t)
	for _, p := range parties {
		t.Run(p.name, func(t *testing.T) {
			for _, s := range p.clients {
				e.wantFound(t, s, p.earliest.Add(stallTimeout-tick), p.latest.Add(heartbeat+stallTimeout+grace))
			}
		})
	}
	testtool.WaitFor(t, "their descriptors to be closed", func() bool { return e.descriptors(t) == before })
	others.wantAll(t, e, traffic(), flooded)
}

// wantFound checks that the log reports s as stalled between earliest and latest.
func (e *env) wantFound(t *testing.T, s *subscriber, earliest, latest time.Time) {
	t.Helper()
	for {
		found, ok := e.ends(t)[s.address()]
		switch {
		case !ok && time.Now().Before(latest):
			time.Sleep(5 * time.Millisecond)
			continue
		case !ok:
			t.Errorf("the daemon did not disconnect %s", s)
		case found.reason != "stalled":
			t.Errorf("the daemon disconnected %s for the reason %q, want stalled", s, found.reason)
		case found.at.Before(earliest):
			t.Errorf("the daemon disconnected %s %v too early", s, earliest.Sub(found.at))
		}
		return
	}
}

// startTraffic publishes small messages until stop is called, which returns their number.
func (e *env) startTraffic(t *testing.T) (stop func() int) {
	over, sent := make(chan struct{}), make(chan int)
	go func() {
		pace := time.NewTicker(time.Millisecond)
		defer pace.Stop()
		for n := 0; ; n++ {
			if err := e.send(busy, fmt.Sprint(n, " of many")); err != nil {
				t.Error(err)
			}
			select {
			case <-over:
				sent <- n + 1
				return
			case <-pace.C:
			}
		}
	}()
	return func() int {
		close(over)
		return <-sent
	}
}

// flood publishes more than a socket's buffers hold, and returns the number of messages.
func (e *env) flood(t *testing.T) (messages int) {
	t.Helper()
	messages = 64
	for n := range messages {
		e.publish(t, flooded, fmt.Sprint(n, " ", strings.Repeat("x", 64<<10)))
	}
	return messages
}

// bystanders are clients on another link and on the loopback interface, which read all the time.
type bystanders struct {
	all     []*subscriber
	counts  map[*subscriber]int // messages that each has received
	mu      sync.Mutex
	reading sync.WaitGroup
}

func (e *env) bystanders(t *testing.T) *bystanders {
	t.Helper()
	b := &bystanders{counts: map[*subscriber]int{}}
	link := e.newRemote(t, 100)
	for _, namespace := range namespaces {
		b.all = append(b.all, e.subscribe(t, net.JoinHostPort("127.0.0.1", e.ports[0]), namespace))
		for _, address := range e.addresses(link) {
			b.all = append(b.all, link.subscribe(t, address, namespace))
		}
	}
	for _, s := range b.all {
		b.reading.Go(func() {
			n, err := s.readAll()
			if err != nil {
				t.Errorf("a bystander, %s: %v", s, err)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.counts[s] = n
		})
	}
	return b
}

// wantAll checks that all bystanders received every message, and kept their streams.
func (b *bystanders) wantAll(t *testing.T, e *env, busyMessages, floodedMessages int) {
	t.Helper()
	e.publishLast(t)
	b.reading.Wait()
	sent := map[string]int{busy: busyMessages, flooded: floodedMessages}
	for _, s := range b.all {
		if b.counts[s] != sent[s.namespace] {
			t.Errorf("a bystander, %s: %d messages, want %d", s, b.counts[s], sent[s.namespace])
		}
		if found, ok := e.ends(t)[s.address()]; ok {
			t.Errorf("a bystander, %s, was disconnected for the reason %q", s, found.reason)
		}
	}
}

// TestReturnWithinStallTimeout verifies that a client that is unreachable for less than
// --stall-timeout misses nothing.
func TestReturnWithinStallTimeout(t *testing.T) {
	testtool.Long(t, "a network is down for seconds")
	t.Parallel()
	// The timeout is much longer than the outage, because the kernel doubles its wait before each
	// retry.
	e := newEnv(t, "--heartbeat="+heartbeat.String(), "--stall-timeout=20s")
	var parties []*party
	for i, w := range ways {
		if w.back == nil {
			continue
		}
		p := &party{way: w, remote: e.newRemote(t, i+1)}
		for _, port := range []string{e.ports[0], e.ports[2]} { // only IPv4, because a link that goes down loses its IPv6 addresses
			for _, namespace := range namespaces {
				p.clients = append(p.clients, p.subscribe(t, net.JoinHostPort(p.daemon4, port), namespace))
			}
		}
		parties = append(parties, p)
	}
	traffic := e.startTraffic(t)
	for _, p := range parties {
		p.vanish(t, e, p.remote)
	}
	sent := map[string]int{flooded: e.flood(t)}
	time.Sleep(3 * heartbeat / 2) // includes at least one heartbeat
	for _, p := range parties {
		p.back(t, e, p.remote)
	}
	sent[busy] = traffic()
	e.publishLast(t)
	for _, p := range parties {
		for _, s := range p.clients {
			if n, err := s.readAll(); err != nil || n != sent[s.namespace] {
				t.Errorf("%s, %s: %d messages, %v, want %d", p.name, s, n, err, sent[s.namespace])
			}
		}
	}
	if ends := e.ends(t); len(ends) > 0 {
		t.Errorf("clients were disconnected: %v", ends)
	}
}
