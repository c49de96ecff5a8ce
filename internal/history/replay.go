package history

import (
	"container/heap"

	"github.com/ssed/ssed/sse"
)

// A source is a namespace from which Read takes messages.
type source struct {
	log  *log
	next place
	seq  uint64 // of the message at next
}

// sourceHeap orders sources by the number of their next message.
type sourceHeap []source

func (s sourceHeap) Len() int           { return len(s) }
func (s sourceHeap) Less(i, j int) bool { return s[i].seq < s[j].seq }
func (s sourceHeap) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push implements heap.Interface and is never called.
func (s *sourceHeap) Push(any) { panic("history: a source was pushed") }

// Pop implements heap.Interface. It returns nil, because no caller uses the result.
func (s *sourceHeap) Pop() any {
	*s = (*s)[:len(*s)-1]
	return nil
}

// Read appends to dst the frames of a set's kept messages with numbers above after, up to and
// including until, in the order of publishing. It appends at least one frame, if there are any, and
// stops once it has appended bytesMax bytes or more. For each frame it appends the end of the frame
// to spare. Offsets count from the beginning of frames, not from the end of dst. To continue, pass
// the number of the last end as after.
//
// The cost is proportional to the returned frames, and to the namespaces of the set that have
// messages above after.
func (h *History) Read(dst []byte, spare []sse.FrameEnd, set []string, after, until uint64, bytesMax int) (frames []byte, ends []sse.FrameEnd) {
	frames, ends = dst, spare
	sources := h.openSources(set, after)
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

// openSources returns a heap of the namespaces of a set that have kept messages with
// numbers above after. It is valid until the next call.
func (h *History) openSources(set []string, after uint64) sourceHeap {
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

// walk visits the namespaces of a set, and the namespaces below, that ever had messages with
// numbers above after.
func (h *History) walk(set []string, after uint64, visit func(*node)) {
	h.walkWhile(set, func(n *node) bool { return n.newest > after }, visit)
}

// walkWhile visits the namespaces of a set, and the namespaces below, for which isNew returns true.
// If isNew returns false for a node, it must return false for all nodes below it and for the
// siblings that follow.
func (h *History) walkWhile(set []string, isNew func(*node) bool, visit func(*node)) {
	var descend func(n *node)
	descend = func(n *node) {
		visit(n)
		for child := n.children; child != nil && isNew(child); child = child.siblings.next {
			descend(child)
		}
	}
	for _, ns := range set {
		if n, ok := h.nodes[ns]; ok && isNew(n) {
			descend(n)
		}
	}
}

// Lost returns the number of the newest message of a set that the History has dropped or never had
// (see Raise), if that number is above after. Otherwise it returns 0. The History has all messages
// of the set with numbers above both. Messages that exceed their age limit at the time now count as
// lost.
func (h *History) Lost(set []string, after uint64, now uint32) (newest uint64) {
	return ifAbove(after, max(h.floor, h.losses(set, after, now).newest))
}

// LostSince does the same as Lost for a replay that began with a call of Mark and has reached the
// number after. It ignores messages with numbers above the mark at the time they were dropped,
// because the subscriber gets those from its stream. It also ignores messages that were never
// added.
func (h *History) LostSince(set []string, after uint64, now uint32) (newest uint64) {
	return ifAbove(after, h.losses(set, after, now).marked)
}

// ifAbove returns seq if it is above after, and 0 otherwise.
func ifAbove(after, seq uint64) uint64 {
	if seq <= after {
		return 0
	}
	return seq
}

// losses returns the losses of a set at the time now.
func (h *History) losses(set []string, after uint64, now uint32) (l losses) {
	if len(h.aging) > 0 {
		h.walk(set, after, func(n *node) { h.expire(n, now) })
	}
	for _, ns := range set {
		if n, ok := h.nodes[ns]; ok {
			l.join(n.lost)
		} else if above := h.nearest(ns); above != nil {
			l.join(above.removed)
		}
	}
	return l
}

// nearest returns the node of the closest ancestor of a namespace that has one, or nil.
func (h *History) nearest(ns string) *node {
	for ns != "/" {
		end := len(ns) - 1
		for end > 0 && ns[end] != '/' {
			end--
		}
		ns = ns[:max(1, end)]
		if n, ok := h.nodes[ns]; ok {
			return n
		}
	}
	return nil
}

// Oldest returns the smallest number above after of a kept message of a set. ok is false if there
// is no such message.
func (h *History) Oldest(set []string, after uint64) (seq uint64, ok bool) {
	sources := h.openSources(set, after)
	if len(sources) > 0 {
		seq, ok = sources[0].seq, true
	}
	clear(sources)
	return seq, ok
}

// Since returns the number before the first message of a set that is not older than the time at:
// Read from that number returns the messages since then. If the set has no such message, Since
// returns newest, which must be the number of the newest message of all namespaces. Messages that
// exceed their age limit at the time now do not count.
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
