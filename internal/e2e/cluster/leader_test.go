package cluster

import (
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// TestLeaderIsKilled under load, and comes back: publishers wait or are told ERR busy,
// subscribers keep their streams, and in the end all have everything once.
func TestLeaderIsKilled(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers are started, and some killed")
	t.Parallel() // it waits, most of the time
	e := open(t, nil, nil)
	subscribers, publishers := everywhere(t, e)
	goOn := func() {
		t.Helper()
		ledger.WaitAcked(t, 200, publishers...)
		stored := 0
		for _, p := range publishers {
			stored += p.Acked()
		}
		for _, s := range subscribers {
			s.WaitCount(t, stored)
		}
	}
	goOn()
	killed := e.nats.KillLeader(t, stream)
	goOn()
	if next := e.nats.Leader(t, stream); next == killed {
		t.Fatalf("%d was killed, and leads", killed)
	}
	e.nats.Servers[killed].Restart(t)
	testtool.WaitFor(t, "the server that was killed to have what it missed", func() bool {
		return e.nats.Servers[killed].Stored(stream) >= uint64(publishers[0].Acked()+publishers[1].Acked()+publishers[2].Acked())
	})
	goOn()
	keptStreams(t, subscribers, ledger.Stop(t, publishers...))
	again := 0
	for _, p := range publishers {
		if p.Stats().Dials != 1 {
			t.Errorf("%s had %d connections", p.Name, p.Stats().Dials)
		}
		again += repeated(p)
	}
	t.Logf("%d messages, %d repeated", len(subscribers[0].Messages()), again)
}
