package loop

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// readBytes is how many bytes gnet reads from a publisher at a time.
const readBytes = 64 << 10

// BenchmarkPublish measures the complete path of a line from a publisher's read to the streams: it
// is parsed, checked, framed, kept and appended. System calls are not included. One op is one line
// with 64 bytes of data.
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
	opts := Config{
		History:              []HistoryRule{{Prefix: "/", Messages: kept}},
		HistoryBytesMax:      256 << 20,
		BacklogTotalBytesMax: 512 << 20,
	}
	l := &Loop{opts: opts, shared: NewShared(&opts, 1)}
	l.sequencer, l.window = newSequencer(&opts, l.shared, func() {})
	for i := range matches {
		for ns := range namespaces {
			// different sets, so that each has its own stream
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
	session := publish.NewSession(&publish.Config{Auth: noTokens{new(atomic.Pointer[auth.Table])}, Reserved: sse.ReservedEvents{{Name: sse.DefaultGapEvent}}})
	session.Feed([]byte("QUIET on\n"), directReplier{l}, nil)
	b.SetBytes(int64(len(lines) / perRead))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%perRead == 0 {
			session.Feed(lines, directReplier{l}, nil)
			sendNothing(l)
		}
	}
	if l.stats.Published == 0 {
		b.Fatal("nothing was published")
	}
}

// noTokens reads an atomic table, as the sessions of a daemon do, and allows all publishers.
type noTokens struct{ tokens *atomic.Pointer[auth.Table] }

func (a noTokens) Required() bool { return a.tokens.Load().Required(auth.Publish) }

func (a noTokens) Authenticate([]byte) (publish.Grant, bool) { return nil, false }

// sendNothing has the same effect on the streams as a pass in which all sockets accept everything.
func sendNothing(l *Loop) {
	r := &l.round
	for _, a := range r.queue {
		for _, s := range a.subscribers {
			for p := a.stream.Pending(&s.cursor); len(p) > 0; p = a.stream.Pending(&s.cursor) {
				a.stream.Advance(&s.cursor, len(p))
			}
		}
		a.rewind()
		a.inRound, a.walkAgain = false, false
	}
	r.queue, r.bytes = r.queue[:0], 0
}
