package cluster

import (
	"fmt"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
	"github.com/ssed/ssed/sse"
)

// TestReplayFromServerThatLags verifies that a subscriber that resumes gets every missed message,
// or waits. Daemons read messages that they do not hold in memory from the stream. Any NATS server
// with the stream may answer, even if it was cut off and has not caught up.
func TestReplayFromServerThatLags(t *testing.T) {
	testtool.Long(t, "three daemons and three NATS servers are started")
	t.Parallel() // it waits, most of the time
	const half, rounds, each = 3000, 2, 8
	e := open(t, nil, func(int) []string { return []string{"--history-bytes=64KiB"} })
	live := startSubscriber(t, "live", e.nodes[0].Subscribe[0]+"/subscribe/n", "")
	p := ledger.StartPublisher(t, ledger.PublisherOptions{URL: e.nodes[0].Publish[0], Namespace: "/n", Padding: 500, Keyed: true})
	published := []*ledger.Ledger{p.Ledger}
	ledger.Burst(t, half, half, p)
	live.WaitCount(t, half)
	for round := range rounds {
		away := 0 // a server that neither leads nor serves daemon 0
		for leads := e.nats.Leader(t, stream); away == leads || away == connectedTo(t, e.nodes[0]); {
			away++
		}
		e.nats.Partition(away)
		ledger.Burst(t, half, half, p)
		live.WaitCount(t, p.Acked())
		if has := e.nats.Servers[away].Stored(stream); has >= live.LastID().Seq {
			t.Fatalf("server %d is cut off, but it has message %d", away, has)
		}
		id := live.LastID()
		var back []*ledger.Subscriber
		var behind []uint64
		for i := range 2 * each {
			if i == each {
				e.nats.Heal(away)
			}
			from := id.Seq - half + uint64(i*100+round) // a different id for each, among the messages that the server lacks
			behind = append(behind, from)
			back = append(back, startSubscriber(t, fmt.Sprintf("back in round %d as %d", round, i), e.nodes[0].Subscribe[0]+"/subscribe/n", sse.ID{Epoch: id.Epoch, Seq: from}.String()))
		}
		for i, s := range back {
			s.WaitAll(t, ledger.Audit{Ledgers: published, After: behind[i]})
		}
		testtool.WaitFor(t, "the server that was cut off to catch up", func() bool { return e.nats.Servers[away].Stored(stream) >= id.Seq })
	}
	live.WaitAll(t, ledger.Audit{Ledgers: published})
}
