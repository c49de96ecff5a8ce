package cluster

import (
	"fmt"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestLeaderIsKilled under load, and comes back: publishers wait or are told ERR busy,
// subscribers keep their streams, and in the end all have everything once.
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel() // it waits, most of the time
	h := open(t, nil, nil)
	var subscribers []*subscriber
	var publishers []*publisher
	for i, d := range h.nodes {
		subscribers = append(subscribers, listen(t, fmt.Sprint("at ", i), d.Subscribe[0]+"/subscribe/n", ""))
	}
	for i, d := range h.nodes {
		publishers = append(publishers, publishing(t, fmt.Sprint("p", i), fmt.Sprint("/n/", i), d.Publish[0]))
	}
	goOn := func() {
		t.Helper()
		stored := 0
		for _, p := range publishers {
			p.waitFor(t, 200)
			stored += p.count()
		}
		for _, s := range subscribers {
			s.waitFor(t, stored)
		}
	}
	goOn()
	killed := h.nats.KillLeader(t, stream)
	goOn()
	if next := h.nats.Leader(t, stream); next == killed {
		t.Fatalf("%d was killed, and leads", killed)
	}
	h.nats.Servers[killed].Restart(t)
	testtool.WaitFor(t, "the server that was killed to have what it missed", func() bool {
		return h.nats.Servers[killed].Stored(stream) >= uint64(publishers[0].count()+publishers[1].count()+publishers[2].count())
	})
	goOn()
	published := end(t, publishers...)
	repeated := 0
	for i, p := range publishers {
		subscribers[i].wants(t, published, 0)
		if lost := subscribers[i].lost(); lost > 0 {
			t.Errorf("%s: %d streams ended", subscribers[i].name, lost)
		}
		if p.dialed() != 1 {
			t.Errorf("%s had %d connections", p.name, p.dialed())
		}
		repeated += p.repeated()
	}
	t.Logf("%d messages, %d repeated", len(published), repeated)
}
