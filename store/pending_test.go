package store

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"
)

// TestPlainAck verifies which acks plainAck parses.
func TestPlainAck(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		seq        uint64 // 0: not plain
	}{
		{"as the server writes it", `{"stream":"ssed", "seq":17}`, 17},
		{"the largest number", `{"stream":"ssed", "seq":18446744073709551615}`, 18446744073709551615},
		{"a larger one", `{"stream":"ssed", "seq":18446744073709551616}`, 0},
		{"no number", `{"stream":"ssed", "seq":}`, 0},
		{"number 0", `{"stream":"ssed", "seq":0}`, 0},
		{"a number that is not JSON", `{"stream":"ssed", "seq":017}`, 0},
		{"a domain", `{"stream":"ssed","domain":"hub", "seq":17}`, 0},
		{"a duplicate", `{"stream":"ssed", "seq":17,"duplicate": true}`, 0},
		{"a name with an escape", `{"stream":"ss\u0065d", "seq":17}`, 0},
		{"refused", `{"error":{"code":503,"description":"no"},"stream":"ssed","seq":0}`, 0},
		{"no end", `{"stream":"ssed", "seq":17`, 0},
		{"more after it", `{"stream":"ssed", "seq":17}}`, 0},
		{"a name without an end", `{"stream":"`, 0},
		{"nothing", "", 0},
	} {
		seq, plain := plainAck([]byte(tt.data))
		if seq != tt.seq && plain || plain != (tt.seq > 0) {
			t.Errorf("%s: %d, %v", tt.name, seq, plain)
		}
	}
}

// FuzzPlainAck verifies that the JSON library parses every plain ack to the same sequence, without
// other fields.
func FuzzPlainAck(f *testing.F) {
	f.Add([]byte(`{"stream":"ssed", "seq":17}`))
	f.Add([]byte(`{"stream":"a", "seq":1,"duplicate": true}`))
	f.Add([]byte(`{"stream":"a\"", "seq":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		seq, plain := plainAck(data)
		if !plain {
			return
		}
		var a ack
		if err := json.Unmarshal(data, &a); err != nil || a.Seq != seq || seq == 0 || a.Duplicate || a.Error != nil {
			t.Errorf("%q: number %d, and the library has %+v, %v", data, seq, a, err)
		}
	})
}

// TestHeadersAreShared verifies that the messages of an event share a header, except messages with
// a key. Each header equals the result of newHeader, and at most headersKept are cached.
func TestHeadersAreShared(t *testing.T) {
	var h headers
	same := func(a, b nats.Header) bool {
		before := len(b)
		a["X"] = nil
		defer delete(a, "X")
		return len(b) == before+1
	}
	first := h.get([]byte("new-dog"), nil)
	if first.Get(eventHeader) != "new-dog" || len(first) != 1 || !same(first, h.get([]byte("new-dog"), nil)) {
		t.Errorf("the header of an event: %v", first)
	}
	if keyed := h.get([]byte("new-dog"), []byte("k1")); same(first, keyed) || keyed.Get(keyHeader) != "k1" || keyed.Get(eventHeader) != "new-dog" {
		t.Errorf("with a key: %v", keyed)
	}
	if none := h.get(nil, nil); none != nil {
		t.Errorf("without an event: %v", none)
	}
	for i := range 3 * headersKept {
		if name := string(rune('A' + i)); h.get([]byte(name), nil).Get(eventHeader) != encodeEvent(name) || len(h.kept) > headersKept {
			t.Errorf("event %q: %v, %d are kept", name, h.get([]byte(name), nil), len(h.kept))
		}
	}
}

// BenchmarkAck measures how long it takes to parse an ack.
func BenchmarkAck(b *testing.B) {
	data := []byte(`{"stream":"ssed", "seq":123456789}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, plain := plainAck(data); !plain {
			b.Fatal("not plain")
		}
	}
}
