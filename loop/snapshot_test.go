package loop_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// TestSubscribers verifies that the list contains every subscriber once, with correct data.
func TestSubscribers(t *testing.T) {
	s := serve(t, ssed.Options{TrustedProxies: []string{"127.0.0.1"}})
	const subscribers = 2500 // more than one page
	ctx := context.Background()
	publishAll(t, s, sse.Message{Namespace: "/0", Data: []byte("before all")})
	for i := range subscribers {
		_, r := subscribe(t, s, fmt.Sprintf("/subscribe?ns=/%d&ns=/b", i%3))
		if i == 0 {
			publishAll(t, s, sse.Message{Namespace: "/0", Data: []byte("x")})
			expect(t, r, "data:x\n\n")
		}
	}
	conns, err := s.Subscribers(ctx)
	if err != nil || len(conns) != subscribers {
		t.Fatalf("%d connections, %v", len(conns), err)
	}
	slices.SortFunc(conns, func(a, b ssed.SubscriberInfo) int { return int(int64(a.ID) - int64(b.ID)) })
	seen, streams := map[ssed.ConnID]bool{}, map[uint64]bool{}
	for i, c := range conns {
		if seen[c.ID] || c.Agent != "test" || !slices.Equal(c.Namespaces, []string{fmt.Sprintf("/%d", i%3), "/b"}) || c.LagBytes != 0 {
			t.Fatalf("connection %d: %+v", i, c)
		}
		seen[c.ID], streams[c.Stream] = true, true
	}
	if conns[0].Messages != 1 || conns[3].Messages != 0 || conns[3].Published != 1 || len(streams) != 3 {
		t.Errorf("the first subscriber has %d messages, the fourth %d of %d; there are %d streams", conns[0].Messages, conns[3].Messages, conns[3].Published, len(streams))
	}
}

// TestDisconnect verifies that Disconnect closes a subscriber, and that its id is not reused.
func TestDisconnect(t *testing.T) {
	s := serve(t, ssed.Options{})
	c, r := subscribe(t, s, "/subscribe/a")
	_, other := subscribe(t, s, "/subscribe/a")
	conns, err := s.Subscribers(context.Background())
	if err != nil || len(conns) != 2 {
		t.Fatal(conns, err)
	}
	i := slices.IndexFunc(conns, func(x ssed.SubscriberInfo) bool { return x.Peer.String() == c.LocalAddr().String() })
	for _, want := range []bool{true, false} {
		if found, err := s.Disconnect(context.Background(), conns[i].ID); found != want || err != nil {
			t.Errorf("found: %v, %v, want %v", found, err, want)
		}
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
	// The next subscriber may get the same descriptor, but must get another id.
	subscribe(t, s, "/subscribe/a")
	for _, id := range []ssed.ConnID{conns[i].ID, 0, 1 << 60} {
		if found, _ := s.Disconnect(context.Background(), id); found {
			t.Errorf("Disconnect found the old id %d", id)
		}
	}
	publishAll(t, s, sse.Message{Namespace: "/a", Data: []byte("x")})
	expect(t, other, "data:x\n\n")
	until(t, s, "the disconnect is counted", func(s ssed.Stats) bool { return s.Ended["kicked"] == 1 && s.Subscribers == 2 })
}
