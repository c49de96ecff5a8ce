package loop

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
)

// readBytes is what gnet reads of a publisher at once.
const readBytes = 64 << 10

// BenchmarkPublish is the whole way of a line from a publisher's read to the streams:
// parsed, checked, framed, kept and appended. What is left out are the system calls.
// One op is one line with 64 bytes of data.
func BenchmarkPublish(b *testing.B) {
	for _, bm := range []struct{ matches, kept, namespaces int }{
		{0, 0, 1}, {1, 0, 1}, {4, 0, 1}, {1, 0, 1000}, {0, 100, 1}, {1, 100, 1},
	} {
		b.Run(fmt.Sprintf("matches=%d/kept=%d/namespaces=%d", bm.matches, bm.kept, bm.namespaces), func(b *testing.B) {
			benchmarkPublish(b, bm.matches, bm.kept, bm.namespaces)
		})
	}
}

func benchmarkPublish(b *testing.B, matches, kept, namespaces int) {
	opts, err := Options{History: []HistoryRule{{Prefix: "/", Messages: kept}}}.withDefaults()
	if err != nil {
		b.Fatal(err)
	}
	l := &loop{opts: opts}
	if l.sequencer, l.window, err = newSequencer(&opts, func() {}); err != nil {
		b.Fatal(err)
	}
	for i := range matches {
		for ns := range namespaces {
			// Sets of their own, so that each has a stream of its own.
			set, err := nsindex.NewSet(fmt.Sprintf("/pets/%d", ns), fmt.Sprintf("/besides/%d", i))
			if err != nil {
				b.Fatal(err)
			}
			l.audienceOf(set).join(&subscriber{})
		}
	}
	var lines []byte
	for i := 0; len(lines) < readBytes; i++ {
		lines = append(lines, fmt.Appendf(nil, "PUB /pets/%d tick %s\n", i%namespaces, bytes.Repeat([]byte("x"), 64))...)
	}
	perRead := bytes.Count(lines, []byte("\n"))
	session := publish.NewSession(&publish.Config{Auth: publishAuth{&l.tokens}, Reserved: opts.ReservedEvents()})
	session.Feed([]byte("QUIET on\n"), immediate{l}, nil)
	b.SetBytes(int64(len(lines) / perRead))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%perRead == 0 {
			session.Feed(lines, immediate{l}, nil)
			sendNothing(l)
		}
	}
	if l.stats.Published == 0 {
		b.Fatal("nothing was published")
	}
}

// sendNothing does to the streams what a pass does whose sockets take everything.
func sendNothing(l *loop) {
	r := &l.round
	for _, a := range r.queue {
		for _, s := range a.subscribers {
			for p := a.stream.Pending(&s.cursor); len(p) > 0; p = a.stream.Pending(&s.cursor) {
				a.stream.Advance(&s.cursor, len(p))
			}
		}
		a.rewind()
		a.inRound, a.again = false, false
	}
	r.queue, r.bytes = r.queue[:0], 0
}
