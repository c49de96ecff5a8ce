package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A modelMessage is one message of the naive model. The model keeps all messages and computes for
// each question which of them a History should have.
type modelMessage struct {
	ns    string
	seq   uint64
	at    uint32
	frame string
}

type historyModel struct {
	all       []modelMessage
	floor     uint64
	settled   uint64 // later messages are kept in any case
	now       uint32
	retention func(string) Retention
}

// kept reports whether the i-th message should be kept.
func (m *historyModel) kept(i int) bool {
	x := m.all[i]
	if x.seq > m.settled {
		return true
	}
	r := m.retention(x.ns)
	if r.Age > 0 && m.now-x.at > r.Age {
		return false
	}
	younger := 0
	for _, y := range m.all[i+1:] {
		if y.ns == x.ns {
			younger++
		}
	}
	return younger < r.Messages
}

func covers(set []string, ns string) bool {
	return slices.ContainsFunc(set, func(s string) bool {
		return s == "/" || ns == s || strings.HasPrefix(ns, s+"/")
	})
}

// of returns the kept messages of a set with numbers above after, and the number of the newest
// message that is not kept.
func (m *historyModel) of(set []string, after uint64) (kept []modelMessage, lost uint64) {
	for i, x := range m.all {
		if x.seq <= after || !covers(set, x.ns) {
			continue
		}
		if m.kept(i) {
			kept = append(kept, x)
		} else {
			lost = x.seq
		}
	}
	return kept, lost
}

var historyNamespaces = []string{"/", "/a", "/a/b", "/a/b/c", "/a/d", "/ab", "/e/f/g", "/e/f", "/quiet"}

func randomSet(random *rand.Rand) []string {
	if random.IntN(3) == 0 {
		return []string{historyNamespaces[random.IntN(len(historyNamespaces))]}
	}
	return [][]string{{"/a", "/ab"}, {"/a/b", "/e"}, {"/none", "/quiet"}, {"/"}, {"/a/d", "/a/b/c", "/e/f/g"}}[random.IntN(5)]
}

// TestHistoryAgainstModel compares a History with the model after random operations. With some
// seeds, messages are dropped only after Settle.
func TestHistoryAgainstModel(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			retention := func(ns string) Retention {
				switch {
				case ns == "/quiet":
					return Retention{Messages: 1}
				case strings.HasPrefix(ns, "/a"):
					return Retention{Messages: 5, Age: 40}
				}
				return Retention{Messages: 30, Age: uint32(seed%2) * 25}
			}
			h := New(1<<30, retention)
			m := &historyModel{retention: retention, settled: math.MaxUint64}
			if seed >= 20 {
				m.settled = 0
				h.HoldAll()
			}
			seq := uint64(0)
			for range 400 {
				if seed >= 20 && random.IntN(5) == 0 {
					m.settled += uint64(random.IntN(int(seq-m.settled) + 1))
					h.Settle(m.settled)
				}
				switch random.IntN(6) {
				case 0:
					if random.IntN(20) == 0 {
						m.floor = max(m.floor, seq/2)
						h.Raise(seq / 2)
					}
					m.now += uint32(random.IntN(10))
					h.Sweep(m.now, random.IntN(10))
				case 1, 2, 3:
					seq += 1 + uint64(random.IntN(3)) // others are not kept
					x := modelMessage{historyNamespaces[random.IntN(len(historyNamespaces))], seq, m.now,
						fmt.Sprintf("id:e-%d\ndata:%s\n\n", seq, strings.Repeat("x", random.IntN(300)))}
					m.all = append(m.all, x)
					h.Add([]byte(x.ns), []byte(x.frame), x.seq, x.at)
				default:
					compareHistory(t, h, m, randomSet(random), uint64(random.IntN(int(seq)+2)), seq, random)
				}
				h.invariants()
			}
		})
	}
}

// compareHistory compares the results of all methods that accept a set.
func compareHistory(t *testing.T, h *History, m *historyModel, set []string, after, newest uint64, random *rand.Rand) {
	t.Helper()
	kept, lost := m.of(set, after)
	if m.floor > after {
		lost = max(lost, m.floor)
	}
	if got := h.Lost(set, after, m.now); got != lost {
		t.Fatalf("%q after %d: the newest lost message is %d, in the model %d", set, after, got, lost)
	}
	if got, ok := h.Oldest(set, after); ok != (len(kept) > 0) || ok && got != kept[0].seq {
		t.Fatalf("%q after %d: the oldest message is %d, %v; the model has %v", set, after, got, ok, kept)
	}
	var want strings.Builder
	until := newest - min(newest, uint64(random.IntN(3)))
	for _, x := range kept {
		if x.seq <= until {
			want.WriteString(x.frame)
		}
	}
	var got []byte
	for at := after; ; {
		frames, ends := h.Read(nil, nil, set, at, until, 1+random.IntN(1000))
		if len(ends) == 0 {
			break
		}
		if ends[len(ends)-1].Offset != len(frames) || ends[0].Seq <= at {
			t.Fatalf("the ends are %v, but the frames have %d bytes", ends, len(frames))
		}
		at = ends[len(ends)-1].Seq
		got = append(got, frames...)
	}
	if string(got) != want.String() {
		t.Fatalf("%q after %d until %d: got %q, want %q", set, after, until, got, want.String())
	}
	all, _ := m.of(set, 0)
	n := random.IntN(10)
	newestN := all[max(0, len(all)-n):]
	frames, ends := h.Read(nil, nil, set, h.BeforeLast(set, n, m.now), newest, 1<<30)
	if len(ends) != len(newestN) {
		t.Fatalf("%q: the newest %d are %q, the model has %v", set, n, frames, newestN)
	}
	since := m.now - min(m.now, uint32(random.IntN(50)))
	wantSince := slices.DeleteFunc(all, func(x modelMessage) bool { return x.at < since })
	if _, ends := h.Read(nil, nil, set, h.Since(set, since, newest, m.now), newest, 1<<30); len(ends) != len(wantSince) {
		t.Fatalf("%q since %d: %v, the model has %v", set, since, ends, wantSince)
	}
}

// invariants panics if the fields of a History contradict each other.
func (h *History) invariants() {
	messages, bytes, children := 0, 0, 0
	for ns, n := range h.nodes {
		messages += n.log.count
		bytes += nodeBytes + len(ns)
		for _, c := range n.log.chunks {
			bytes += c.memory()
		}
		if n.parent != nil && (n.parent.lost.newest < n.lost.newest || n.parent.newest < n.newest || n.parent.newestAt < n.newestAt) {
			panic("a namespace has older data than a namespace below it")
		}
		for child, before := n.children, (*node)(nil); child != nil; before, child = child, child.siblings.next {
			if child.parent != n || child.siblings.prev != before || before != nil && before.newest <= child.newest || h.nodes[child.namespace] != child {
				panic("the children of " + ns + " are not in order")
			}
			children++
		}
		if n.rank != n.currentRank() {
			panic(fmt.Sprintf("%s has rank %d, want %d", ns, n.rank, n.currentRank()))
		}
	}
	if len(h.nodes) > 0 && children != len(h.nodes)-1 {
		panic(fmt.Sprintf("%d of %d namespaces are children", children, len(h.nodes)))
	}
	if messages != h.messages || bytes != h.bytes {
		panic(fmt.Sprintf("there are %d messages with %d bytes, but %d with %d are counted", messages, bytes, h.messages, h.bytes))
	}
}

// TestHistoryBound checks that the bound holds for any messages, that Lost reports all missing
// messages, and that the last message of a quiet namespace outlives the messages of a busy one.
func TestHistoryBound(t *testing.T) {
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 6))
		const bound = 120_000
		h := New(bound, func(string) Retention { return Retention{Messages: 1000} })
		m := &historyModel{retention: h.retention, settled: math.MaxUint64}
		h.Add([]byte("/quiet/one"), []byte("data:q\n\n"), 1, 0)
		m.all = append(m.all, modelMessage{"/quiet/one", 1, 0, "data:q\n\n"})
		for seq := uint64(2); seq < 3000; seq++ {
			ns := fmt.Sprintf("/busy/%d", random.IntN(4))
			if random.IntN(30) == 0 {
				ns = fmt.Sprintf("/one/of/many/%d", random.IntN(1000))
			}
			x := modelMessage{ns, seq, 0, fmt.Sprintf("data:%s\n\n", strings.Repeat("x", random.IntN(200)))}
			m.all = append(m.all, x)
			h.Add([]byte(ns), []byte(x.frame), seq, 0)
			if h.Bytes() > bound {
				t.Fatalf("%d bytes are kept, more than the bound", h.Bytes())
			}
			h.invariants()
			if seq%50 > 0 {
				continue
			}
			after := uint64(random.IntN(int(seq)))
			for _, set := range [][]string{{"/"}, {ns}, {"/busy"}, {"/one"}, {"/quiet"}, {"/never"}} {
				_, ends := h.Read(nil, nil, set, after, seq, 1<<30)
				kept, _ := m.of(set, after)
				if len(ends) < len(kept) && h.Lost(set, after, 0) == 0 {
					t.Fatalf("%q after %d: %d of %d messages are kept, but Lost reports no loss", set, after, len(ends), len(kept))
				}
			}
		}
		if frames, _ := h.Read(nil, nil, []string{"/quiet"}, 0, 1, 1); string(frames) != "data:q\n\n" {
			t.Errorf("the quiet namespace's only message was dropped")
		}
	}
}

// TestRemovedNodeIsAddedAgain checks that a namespace still knows of its losses when it gets a node
// again, after its node and the nodes above it were removed.
func TestRemovedNodeIsAddedAgain(t *testing.T) {
	h := New(20_000, func(string) Retention { return Retention{Messages: 1} })
	h.Add([]byte("/a/b/c"), []byte("data:old\n\n"), 1, 0)
	seq := uint64(1)
	for _, ok := h.nodes["/a/b"]; ok; _, ok = h.nodes["/a/b"] {
		seq++
		h.Add(fmt.Appendf(nil, "/x/%d", seq), []byte("data:\n\n"), seq, 0)
	}
	for _, ns := range []string{"/a/b/c", "/a/b/d"} {
		seq++
		h.Add([]byte(ns), []byte("data:new\n\n"), seq, 0)
		if h.Lost([]string{ns}, 0, 0) == 0 {
			t.Errorf("%s was added again and reports no loss", ns)
		}
	}
	h.invariants()
}

// TestHistoryShrinks checks that a burst of messages frees its memory once it exceeds the age
// limit.
func TestHistoryShrinks(t *testing.T) {
	const namespaces = 200
	h := New(1<<30, func(string) Retention { return Retention{Messages: 10_000, Age: 10} })
	before := heapNow()
	seq := uint64(0)
	for ns := range namespaces {
		for range 2000 {
			seq++
			h.Add(fmt.Appendf(nil, "/%d", ns), []byte("data:short\n\n"), seq, 0)
		}
		seq++
		h.Add(fmt.Appendf(nil, "/%d", ns), []byte("data:last\n\n"), seq, 11)
	}
	if used, said := heapNow()-before, h.Bytes(); int(used) > 2*said {
		t.Errorf("%d messages use %d bytes, but %d are counted", h.Messages(), used, said)
	}
	h.invariants()
	runtime.KeepAlive(h)
}

// TestHistoryOfNamespacesOnly checks that the bound also holds for a flood of namespaces.
func TestHistoryOfNamespacesOnly(t *testing.T) {
	const bound = 100_000
	h := New(bound, func(string) Retention { return Retention{Messages: 3} })
	for seq := range uint64(20_000) {
		h.Add(fmt.Appendf(nil, "/%d/%d", seq, seq), []byte("data:\n\n"), seq+1, 0)
		if h.Bytes() > bound {
			t.Fatalf("%d bytes are in use after %d namespaces", h.Bytes(), seq)
		}
	}
	h.invariants()
	if h.Lost([]string{"/7/7"}, 0, 0) == 0 || h.Lost([]string{"/19999/19999"}, 19_999, 0) > 0 {
		t.Error("Lost does not report the dropped messages")
	}
}

// TestHistoryMemory measures the memory of a million messages in 10,000 namespaces.
func TestHistoryMemory(t *testing.T) {
	const namespaces, each = 10_000, 100
	frame := []byte("id:k3j9x2ab-1234567\nevent:tick\ndata:" + strings.Repeat("x", 64) + "\n\n")
	before := heapNow()
	h := New(1<<30, func(string) Retention { return Retention{Messages: each} })
	seq := uint64(0)
	for range each + each/2 { // so that old messages are dropped
		for ns := range namespaces {
			seq++
			h.Add(fmt.Appendf(nil, "/details/%d", ns), frame, seq, 0)
		}
	}
	used := heapNow() - before
	extra := float64(used)/float64(h.Messages()) - float64(len(frame))
	t.Logf("%d messages with frames of %d bytes use %d MiB: %.1f bytes more for each; %d MiB are counted",
		h.Messages(), len(frame), used>>20, extra, h.Bytes()>>20)
	if extra > 64 {
		t.Errorf("a message needs %.1f bytes in addition to its frame, want at most 64", extra)
	}
	runtime.KeepAlive(h)
}

func heapNow() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkHistoryAdd adds messages to the given number of namespaces, one after the other.
func BenchmarkHistoryAdd(b *testing.B) {
	for _, namespaces := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("namespaces=%d/kept=100", namespaces), func(b *testing.B) {
			h := New(256<<20, func(string) Retention { return Retention{Messages: 100} })
			all := make([][]byte, namespaces)
			for i := range all {
				all[i] = fmt.Appendf(nil, "/pets/%d", i)
			}
			seq := uint64(0)
			b.SetBytes(int64(len(benchFrame)))
			b.ReportAllocs()
			for b.Loop() {
				seq++
				h.Add(all[seq%uint64(namespaces)], benchFrame, seq, 0)
			}
		})
	}
}
