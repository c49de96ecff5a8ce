package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// TestReplayFromServerThatLags: what daemons do not keep they read from the stream, and
// any server that has it may be asked, also one that was away and has not caught up.
// Who comes back gets all that was missed, or waits.
func TestReplayFromServerThatLags(t *testing.T) {
	const half, rounds, each = 3000, 2, 8
	h := open(t, nil, func(int) []string { return []string{"--history-bytes=64KiB"} })
	live := listen(t, "live", h.nodes[0].Subscribe[0]+"/subscribe/n", "")
	published := map[string]uint64{}
	publishMany(t, h.nodes[0], published, half)
	live.waitFor(t, half)
	for round := range rounds {
		away := 0 // neither leads, nor is where daemon 0 is connected, which goes on
		for leads := h.nats.Leader(t, stream); away == leads || away == connectedTo(t, h.nodes[0]); {
			away++
		}
		h.nats.Partition(away)
		publishMany(t, h.nodes[0], published, half)
		live.waitFor(t, len(published))
		if has := h.nats.Servers[away].Stored(stream); has >= live.newest() {
			t.Fatalf("%d is cut off, and has message %d", away, has)
		}
		id, newest := live.lastID(), live.newest()
		epoch, _, _ := strings.Cut(id, "-")
		var back []*subscriber
		var behind []uint64
		for i := range 2 * each {
			if i == each {
				h.nats.Heal(away)
			}
			from := newest - half + uint64(i*100+round) // within what that server lacks, and each its own
			behind = append(behind, from)
			back = append(back, listen(t, fmt.Sprintf("back in round %d as %d", round, i), h.nodes[0].Subscribe[0]+"/subscribe/n", fmt.Sprintf("%s-%d", epoch, from)))
		}
		for i, s := range back {
			s.wants(t, published, behind[i])
		}
		testtool.WaitFor(t, "the server that was cut off to catch up", func() bool { return h.nats.Servers[away].Stored(stream) >= newest })
	}
	live.wants(t, published, 0)
}

// publishMany publishes messages, pipelined, and notes their numbers. Those that are
// refused it repeats.
func publishMany(t *testing.T, d *testtool.Daemon, published map[string]uint64, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*testtool.Patience)
	defer cancel()
	client, err := publish.Dial(ctx, d.Publish[0])
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var left []string
	for i := range n {
		left = append(left, fmt.Sprintf("%d-%s", len(published)+i, strings.Repeat("x", 500)))
	}
	for len(left) > 0 {
		batch := left
		left = nil
		for _, data := range batch {
			key, _, _ := strings.Cut(data, "-")
			err := client.PublishAsync(ctx, sse.Message{Namespace: "/n", Key: key, Data: []byte(data)}, func(seq uint64, err error) {
				if err != nil {
					left = append(left, data)
					return
				}
				published[data] = seq
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Ping(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
