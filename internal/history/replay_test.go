package history

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ssed/ssed/sse"
)

var benchFrame = []byte("id:k3j9x2ab-1234567\nevent:tick\ndata:" + strings.Repeat("x", 64) + "\n\n")

// filled returns a History with the given number of messages in each of the given number of
// namespaces, and the number of the newest message.
func filled(namespaces, each int) (h *History, newest uint64) {
	h = New(1<<30, func(string) Retention { return Retention{Messages: each} })
	for range each {
		for ns := range namespaces {
			newest++
			h.Add(fmt.Appendf(nil, "/details/%d", ns), benchFrame, newest, uint32(newest/1000))
		}
	}
	return h, newest
}

// BenchmarkReplay measures the calls of the loop for a subscriber of all namespaces: for each part
// of a long replay, and for a subscriber that missed ten messages.
func BenchmarkReplay(b *testing.B) {
	set := []string{"/"}
	for _, size := range []struct{ namespaces, each int }{{10_000, 100}, {500_000, 1}} {
		h, newest := filled(size.namespaces, size.each)
		run := func(name string, what func()) {
			b.Run(fmt.Sprintf("namespaces=%d/ask=%s", size.namespaces, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					what()
				}
			})
		}
		var frames []byte
		var ends []sse.FrameEnd
		after := uint64(0)
		run("part-of-all", func() {
			frames, ends = h.Read(frames[:0], ends[:0], set, after, newest, 64<<10)
			if after = 0; len(ends) > 0 {
				after = ends[len(ends)-1].Seq
			}
		})
		run("newest-10", func() { frames, ends = h.Read(frames[:0], ends[:0], set, newest-10, newest, 64<<10) })
		run("lost-of-10", func() { h.Lost(set, newest-10, 0) })
		run("lost-of-all", func() { h.Lost(set, 0, 0) })
		run("before-10", func() { h.BeforeLast(set, 10, 0) })
		run("before-all", func() { h.BeforeLast(set, 1<<30, 0) })
		run("since", func() { h.Since(set, uint32(newest/1000), newest, 0) })
	}
}

// BenchmarkNewNamespaces publishes each message to a new namespace in a full History.
func BenchmarkNewNamespaces(b *testing.B) {
	h := New(256<<20, func(string) Retention { return Retention{Messages: 100} })
	seq := uint64(0)
	for ; seq < 600_000; seq++ {
		h.Add(fmt.Appendf(nil, "/details/%d", seq), benchFrame, seq+1, 0)
	}
	var ns []byte
	b.ReportAllocs()
	for b.Loop() {
		seq++
		ns = fmt.Appendf(ns[:0], "/details/%d", seq)
		h.Add(ns, benchFrame, seq, 0)
	}
}
