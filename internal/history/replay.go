package history

import (
	"container/heap"

	"github.com/ssed/ssed/sse"
)

// A source is a namespace that Read takes messages from.
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

// Pop implements heap.Interface. It returns nil, since nobody needs the source.
func (s *sourceHeap) Pop() any {
	*s = (*s)[:len(*s)-1]
	return nil
}

// Read appends to dst the frames of a set's kept messages with numbers above after, up
// to and including until, in the order of publishing. It appends one frame at least, if
// there is one, and stops when the appended frames have bytesMax bytes or more. For each
// frame it appends its end to spare; offsets count from the beginning of frames, not from
// the end of dst. To read on, pass the number of the last end as after.
//
// The cost is proportional to the frames that Read returns, and to the namespaces of the
// set that have messages above after.
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

// walk visits the namespaces of a set, and those below, that ever had messages with
// numbers above after.
func (h *History) walk(set []string, after uint64, visit func(*node)) {
	h.walkWhile(set, func(n *node) bool { return n.newest > after }, visit)
}

// walkWhile visits the namespaces of a set, and those below, for which isNew holds. If
// it does not hold for a node, it must hold neither for the nodes below nor for the
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

// Lost returns the number of the newest message of a set that is not kept any more, or
// never was (see Raise), if that number is above after, and 0 otherwise. The history has
// all messages of the set with numbers above both. Messages that exceed their age limit
// at the time now count as lost.
func (h *History) Lost(set []string, after uint64, now uint32) (newest uint64) {
	return ifAbove(after, max(h.floor, h.losses(set, after, now).newest))
}

// LostSince is Lost for a replay that has begun with a call of Mark and has come to the
// number after. It leaves out messages with numbers above the mark at the time they were
// dropped, because the subscriber gets those from its stream, and messages that were never
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

// losses returns what is lost of a set at the time now.
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

// Oldest returns the smallest number above after of a kept message of a set. ok is false
// if there is none.
func (h *History) Oldest(set []string, after uint64) (seq uint64, ok bool) {
	sources := h.openSources(set, after)
	if len(sources) > 0 {
		seq, ok = sources[0].seq, true
	}
	clear(sources)
	return seq, ok
}

// Since returns the number after which a set has its messages that are not older than
// the time at: Read from there returns them. It returns newest, the number of the newest
// message of all, if there are none. Messages that exceed their age limit at the time now
// do not count.
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
