package history

import (
	"container/heap"

	"github.com/ssed/ssed/sse"
)

// A source is one namespace's part of what is being read.
type source struct {
	log  *log
	next place
	seq  uint64 // of the message there
}

// sourceHeap orders sources by the number of their next message.
type sourceHeap []source

func (s sourceHeap) Len() int           { return len(s) }
func (s sourceHeap) Less(i, j int) bool { return s[i].seq < s[j].seq }
func (s sourceHeap) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push is that of heap.Interface; nothing is ever pushed.
func (s *sourceHeap) Push(any) { panic("sse: a source was pushed") }

// Pop is that of heap.Interface.
func (s *sourceHeap) Pop() any {
	*s = (*s)[:len(*s)-1]
	return nil
}

// Read appends to dst the frames of a set's kept messages behind the number after,
// up to the number until, in the order of publishing: until there are bytesMax of
// them, but at least one. ends are those of the frames, appended to spare. Nothing
// is appended when there is none.
//
// The cost is in proportion to what it returns, and to the namespaces of the set
// that have something for it.
func (h *History) Read(dst []byte, spare []sse.FrameEnd, set []string, after, until uint64, bytesMax int) (frames []byte, ends []sse.FrameEnd) {
	frames, ends = dst, spare
	sources := h.open(set, after)
	for len(sources) > 0 && (len(frames) == len(dst) || len(frames)-len(dst) < bytesMax) {
		s := &sources[0]
		if s.seq > until {
			break
		}
		_, frame, _ := s.log.at(s.next)
		frames = append(frames, frame...)
		ends = append(ends, sse.FrameEnd{Offset: len(frames), Seq: s.seq})
		s.next = s.log.next(s.next)
		if message, _, more := s.log.at(s.next); more {
			s.seq = message.seq
			heap.Fix(&sources, 0)
		} else {
			heap.Pop(&sources)
		}
	}
	clear(sources)
	return frames, ends
}

// open finds the namespaces of a set that have messages behind a number.
func (h *History) open(set []string, after uint64) sourceHeap {
	sources := sourceHeap(h.sources[:0])
	h.walk(set, after, func(n *node) {
		p := n.log.after(after)
		if message, _, ok := n.log.at(p); ok {
			sources = append(sources, source{&n.log, p, message.seq})
		}
	})
	h.sources = sources
	heap.Init(&sources)
	return sources
}

// walk visits the namespaces of a set, and below, that ever had messages behind a
// number.
func (h *History) walk(set []string, after uint64, visit func(*node)) {
	h.walkWhile(set, func(n *node) bool { return n.newest > after }, visit)
}

// walkWhile visits the namespaces of a set, and below, that are new enough. What is
// not must not have anything below it, or behind it among its siblings, that is.
func (h *History) walkWhile(set []string, isNew func(*node) bool, visit func(*node)) {
	var descend func(n *node)
	descend = func(n *node) {
		visit(n)
		for child := n.children; child != nil && isNew(child); child = child.siblings.behind {
			descend(child)
		}
	}
	for _, ns := range set {
		if n, ok := h.at[ns]; ok && isNew(n) {
			descend(n)
		}
	}
}

// Lost returns the number of the newest message of a set that is gone, if that is
// behind the number after, and 0 if none is: behind it, and behind after, the set
// is complete. What is too old at the time of now is gone.
func (h *History) Lost(set []string, after uint64, now uint32) (newest uint64) {
	return behind(after, max(h.floor, h.losses(set, after, now).newest))
}

// LostSince is Lost for somebody in the middle of what was published up to the mark,
// and leaves out what was younger than that, which it gets in another way, and what
// was never added.
func (h *History) LostSince(set []string, after uint64, now uint32) (newest uint64) {
	return behind(after, h.losses(set, after, now).marked)
}

func behind(after, seq uint64) uint64 {
	if seq <= after {
		return 0
	}
	return seq
}

func (h *History) losses(set []string, after uint64, now uint32) (l losses) {
	if len(h.aging) > 0 {
		h.walk(set, after, func(n *node) { h.expire(n, now) })
	}
	for _, ns := range set {
		if n, ok := h.at[ns]; ok {
			l.join(n.lost)
		} else if above := h.nearest(ns); above != nil {
			l.join(above.forgotten)
		}
	}
	return l
}

// nearest returns the closest of those above a namespace that are there.
func (h *History) nearest(ns string) *node {
	for ns != "/" {
		end := len(ns) - 1
		for end > 0 && ns[end] != '/' {
			end--
		}
		ns = ns[:max(1, end)]
		if n, ok := h.at[ns]; ok {
			return n
		}
	}
	return nil
}

// Oldest returns the number of a set's first kept message behind a number; ok is
// false if there is none.
func (h *History) Oldest(set []string, after uint64) (seq uint64, ok bool) {
	sources := h.open(set, after)
	if len(sources) > 0 {
		seq, ok = sources[0].seq, true
	}
	clear(sources)
	return seq, ok
}

// Since returns the number behind which a set has its messages from a time on;
// newest if there are none. What is too old at the time of now does not count.
func (h *History) Since(set []string, at uint32, newest uint64, now uint32) (after uint64) {
	after = newest
	h.walkWhile(set, func(n *node) bool { return n.newestAt >= at }, func(n *node) {
		h.expire(n, now)
		if message, _, ok := n.log.at(n.log.since(at)); ok {
			after = min(after, message.seq-1)
		}
	})
	return after
}
