package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/internal/testtool/ledger"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// TestThreeDaemonsActAsOne verifies that a message has the same number and the same place in the
// stream at every daemon, whichever daemon it was published to.
func TestThreeDaemonsActAsOne(t *testing.T) {
	e := open(t, nil, nil)
	var all, some []*ledger.Subscriber
	var publishers []*ledger.Publisher
	for i, d := range e.nodes {
		all = append(all, startSubscriber(t, fmt.Sprint("all at ", i), d.Subscribe[0]+"/subscribe/n", ""))
		some = append(some, startSubscriber(t, fmt.Sprint("some at ", i), d.Subscribe[0]+"/subscribe/n/1", ""))
	}
	for i, d := range e.nodes {
		publishers = append(publishers, startPublisher(t, fmt.Sprint("p", i), fmt.Sprint("/n/", i), d.Publish[0]))
	}
	ledger.WaitAcked(t, 500, publishers...)
	away := some[0].LastID() // an id from the middle of the stream at daemon 0
	published := ledger.Stop(t, publishers...)
	for _, p := range publishers {
		if repeated(p) > 0 || p.Stats().Dials != 1 {
			t.Errorf("%s repeated %d messages over %d connections, though there was no fault", p.Name, repeated(p), p.Stats().Dials)
		}
	}
	for i := range e.nodes {
		all[i].WaitAll(t, ledger.Audit{Ledgers: published})
		some[i].WaitAll(t, ledger.Audit{Ledgers: published[1:2]})
		if lost := all[i].State().Lost + some[i].State().Lost; lost > 0 {
			t.Errorf("at daemon %d, %d streams were lost", i, lost)
		}
	}

	for i, d := range e.nodes {
		s := startSubscriber(t, fmt.Sprint("back at ", i), d.Subscribe[0]+"/subscribe/n", away.String())
		s.WaitAll(t, ledger.Audit{Ledgers: published, After: away.Seq})
		if len(s.Messages()) == len(all[0].Messages()) {
			t.Errorf("%s received the whole stream again: its id was not from the middle", s.Name)
		}
	}
	keysAreShared(t, e, all)
}

// keysAreShared checks that a key identifies the same message at every daemon.
func keysAreShared(t *testing.T, e *env, all []*ledger.Subscriber) {
	t.Helper()
	before := len(all[0].Messages())
	m := sse.Message{Namespace: "/n", Key: "the-same", Data: []byte("once")}
	var seqs []uint64
	for _, d := range append(e.nodes, e.nodes[0]) {
		client, err := publish.Dial(t.Context(), d.Publish[0])
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
		defer cancel()
		seq, err := client.Publish(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, seq)
		m.Data = []byte("not again")
	}
	if seqs[0] == 0 || seqs[1] != seqs[0] || seqs[2] != seqs[0] || seqs[3] != seqs[0] {
		t.Errorf("messages with the same key got the sequences %d", seqs)
	}
	if got := testtool.DialPublisher(t, e.nodes[1].Publish[0]).Ask(t, "PUB /n - the end"); !strings.HasPrefix(got, "OK ") {
		t.Fatalf("the answer to PUB is %q, want OK", got)
	}
	for _, s := range all {
		s.WaitCount(t, before+2)
		if got := s.Messages()[before:]; len(got) != 2 || got[0].Data != "once" || got[1].Data != "the end" {
			t.Errorf("%s: got %q", s.Name, got)
		}
	}
}
