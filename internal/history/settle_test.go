package history

import (
	"strings"
	"testing"
)

// TestSettleFreesMemory checks that a History above its bound shrinks when Settle allows it.
func TestSettleFreesMemory(t *testing.T) {
	const bound = 50_000
	h := New(bound, func(string) Retention { return Retention{Messages: 1000} })
	h.HoldAll()
	for seq := range uint64(500) {
		h.Add([]byte("/n"), []byte("data:"+strings.Repeat("x", 500)+"\n\n"), seq+1, 0)
	}
	if h.Messages() != 500 || h.Bytes() <= bound {
		t.Fatalf("%d messages with %d bytes are kept; want all 500, above the bound", h.Messages(), h.Bytes())
	}
	h.Settle(500)
	if h.Bytes() > bound {
		t.Errorf("%d bytes are kept after Settle, more than the bound of %d", h.Bytes(), bound)
	}
	if lost := h.Lost([]string{"/n"}, 0, 0); lost == 0 || lost >= 500 {
		t.Errorf("the newest lost message is %d", lost)
	}
}

// TestQuietNamespacesOutliveASlowReader floods one namespace with more than the bound while none of
// its messages may be dropped. A quiet namespace must keep its only message, and another one the
// record of its loss. Settle then enforces the bound.
func TestQuietNamespacesOutliveASlowReader(t *testing.T) {
	const bound, flood = 20_000, 100
	h := New(bound, func(ns string) Retention {
		if ns == "/lost" {
			return Retention{Messages: 1, Age: 1}
		}
		return Retention{Messages: 1000}
	})
	h.HoldAll()
	h.Add([]byte("/quiet"), []byte("data:q\n\n"), 1, 0)
	h.Add([]byte("/lost"), []byte("data:l\n\n"), 2, 0)
	h.Settle(2)
	h.Sweep(2, 10)
	for seq := range uint64(flood) {
		h.Add([]byte("/busy"), make([]byte, 1000), 3+seq, 2)
	}
	check := func() {
		t.Helper()
		h.invariants()
		if _, ends := h.Read(nil, nil, []string{"/quiet"}, 0, 1, 1); len(ends) != 1 {
			t.Error("the quiet namespace has lost its only message")
		}
		if _, ok := h.nodes["/lost"]; !ok {
			t.Error("the record of a loss was dropped")
		}
	}
	check()
	if h.Bytes() <= bound {
		t.Errorf("%d bytes are kept although %d messages may not be dropped", h.Bytes(), flood)
	}
	h.Settle(2 + flood)
	check()
	if h.Bytes() > bound {
		t.Errorf("%d bytes are kept, more than the bound", h.Bytes())
	}
}
