package publish

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/ssed/ssed/sse"
)

// FuzzFeed splits any input anywhere. The replies and messages must be the same as for the whole
// input, every reply must be valid, and the memory must be bounded. It must not matter to the
// replies when the sink answers.
func FuzzFeed(f *testing.F) {
	for _, c := range conversations {
		if len(c.in) < 5000 {
			f.Add([]byte(c.in), uint16(3), uint16(7), c.cfg == &guarded)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, first, then uint16, locked bool) {
		cfg := Config{DataBytesMax: 64}
		if locked {
			cfg.Auth = tokens{}
		}
		_, whole, published, done := feed(&cfg, in, max(1, len(in)))
		checkReplies(t, whole)
		for _, sizes := range [][]int{{1}, {int(first) + 1, int(then) + 1}, {int(first) + 1, len(in) + 1}} {
			s, out, got, ended := feed(&cfg, in, sizes...)
			if out != whole || ended != done || fmt.Sprint(got) != fmt.Sprint(published) {
				t.Fatalf("split %v of %q:\nreplies %q, whole %q\npublished %q, whole %q", sizes, in, out, whole, got, published)
			}
			if limit := lineBytesMax(cfg.DataBytesMax); s.Buffered() > limit || cap(s.held) > max(heldBytesKept, 2*limit) {
				t.Fatalf("the session holds %d bytes in a buffer of %d", s.Buffered(), cap(s.held))
			}
			if limit := 2 * sse.KeyBytesMax; cap(s.key.text) > limit {
				t.Fatalf("the session has a buffer of %d bytes for the key", cap(s.key.text))
			}
		}
		if out := feedLater(&cfg, in, int(first)+1, int(then)%4); out != whole {
			t.Fatalf("later answers to %q give\n%q, immediate answers give\n%q", in, out, whole)
		}
	})
}

// feedLater feeds pieces of n bytes, and settles up to settled messages after each piece.
func feedLater(cfg *Config, in []byte, n, settled int) string {
	s, sink := NewSession(cfg), &later{}
	var r Replies
	var sent []byte
	for piece := range slices.Chunk(in, n) {
		out, _ := s.Feed(piece, sink, nil)
		r.Add(s, out)
		sink.settle(&r, settled)
		sent = r.Take(sent)
	}
	sink.settle(&r, r.Waiting())
	return string(r.Take(sent))
}

// checkReplies parses the replies as a client does.
func checkReplies(t *testing.T, replies string) {
	for line := range bytes.Lines([]byte(replies)) {
		_, err := parseReply(bytes.TrimSuffix(line, []byte("\n")))
		if _, refused := err.(*ReplyError); err != nil && !refused || line[len(line)-1] != '\n' {
			t.Fatalf("%q is not a reply", line)
		}
	}
}
