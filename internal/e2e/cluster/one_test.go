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

// TestThreeActAsOne: what is published at any daemon has one number and one place,
// whoever reads it where.
func TestThreeActAsOne(t *testing.T) {
	h := open(t, nil, nil)
	var all, some []*subscriber
	var publishers []*publisher
	for i, d := range h.nodes {
		all = append(all, listen(t, fmt.Sprint("all at ", i), d.Subscribe[0]+"/subscribe/n", ""))
		some = append(some, listen(t, fmt.Sprint("some at ", i), d.Subscribe[0]+"/subscribe/n/1", ""))
	}
	for i, d := range h.nodes {
		publishers = append(publishers, publishing(t, fmt.Sprint("p", i), fmt.Sprint("/n/", i), d.Publish[0]))
	}
	for _, p := range publishers {
		p.waitFor(t, 500)
	}
	away := some[0].lastID() // of daemon 0, in the middle
	published := end(t, publishers...)
	for _, p := range publishers {
		if p.repeated() > 0 || p.dialed() != 1 {
			t.Errorf("%s repeated %d messages over %d connections, and nothing was wrong", p.name, p.repeated(), p.dialed())
		}
	}
	for i := range h.nodes {
		all[i].wants(t, published, 0)
		some[i].wants(t, publishers[1].oks, 0)
		if lost := all[i].lost() + some[i].lost(); lost > 0 {
			t.Errorf("at %d, %d streams ended", i, lost)
		}
	}

	id, err := sse.ParseID([]byte(away))
	if err != nil {
		t.Fatalf("the id %q: %v", away, err)
	}
	for i, d := range h.nodes {
		s := listen(t, fmt.Sprint("back at ", i), d.Subscribe[0]+"/subscribe/n", away)
		s.wants(t, published, id.Seq)
		if len(s.ids) == len(published) {
			t.Errorf("%s had nothing, so it missed everything: the id was none from the middle", s.name)
		}
	}
	keysAreShared(t, h, all)
}

// keysAreShared: a key means the same message at every daemon.
func keysAreShared(t *testing.T, h *house, all []*subscriber) {
	t.Helper()
	before := all[0].count()
	m := sse.Message{Namespace: "/n", Key: "the-same", Data: []byte("once")}
	var seqs []uint64
	for _, d := range append(h.nodes, h.nodes[0]) {
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
		t.Errorf("the same key was answered with %d", seqs)
	}
	if got := testtool.DialPublisher(t, h.nodes[1].Publish[0]).Ask(t, "PUB /n - the end"); !strings.HasPrefix(got, "OK ") {
		t.Fatalf("it was answered %q", got)
	}
	for _, s := range all {
		s.waitFor(t, before+2)
		if got := s.since(before); len(got) != 2 || got[0] != "once" || got[1] != "the end" {
			t.Errorf("%s: got %q", s.name, got)
		}
	}
}
