package cluster

import (
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
)

// TestLeaderIsKilled kills the stream's leader under load, and restarts it. It verifies that
// publishers wait or get ERR busy, that subscribers keep their streams, and that all of them
// finally have every message once.
func TestLeaderIsKilled(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers are started, and some killed")
	t.Parallel() // it waits, most of the time
	e := open(t, nil, nil)
	subscribers, publishers := everywhere(t, e)
	moreMessages := func() {
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
	moreMessages()
	killed := e.nats.KillLeader(t, stream)
	moreMessages()
	if next := e.nats.Leader(t, stream); next == killed {
		t.Fatalf("server %d was killed, but it still leads the stream", killed)
	}
	e.nats.Servers[killed].Restart(t)
	testtool.WaitFor(t, "the restarted server to catch up", func() bool {
		return e.nats.Servers[killed].Stored(stream) >= uint64(publishers[0].Acked()+publishers[1].Acked()+publishers[2].Acked())
	})
	moreMessages()
	keptStreams(t, subscribers, ledger.Stop(t, publishers...))
	again := 0
	for _, p := range publishers {
		if p.Stats().Dials != 1 {
			t.Errorf("%s made %d connections, want 1", p.Name, p.Stats().Dials)
		}
		again += repeated(p)
	}
	t.Logf("%d messages, %d repeated", len(subscribers[0].Messages()), again)
}
