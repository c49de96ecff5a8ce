package history

import "strings"

// A Retention says how much of one namespace is kept. The zero Retention keeps
// nothing.
type Retention struct {
	Messages int    // the newest so many; 0: none
	Age      uint32 // none that is older, in the caller's unit of time; 0: no such limit
}

// A History keeps the newest messages of namespaces, under one bound for all of
// them, and knows of every namespace up to where its messages are gone. It is a
// tree, so that what lies below a namespace is found without looking at the rest.
type History struct {
	retention func(namespace string) Retention
	bytesMax  int
	at        map[string]*node
	bytes     int
	messages  int
	mark      uint64
	floor     uint64 // see Raise
	ranks     ranks
	aging     []*node // those whose messages have an age limit
	swept     int     // how far Sweep has come in them
	sources   []source
}

// A node is a namespace of the tree. It stays when its messages are gone, to know
// that they are, for as long as there is memory.
type node struct {
	namespace string
	parent    *node
	children  *node // the first, which has the newest message
	siblings  links // in the order of their newest
	retention Retention
	log       log
	newest    uint64 // the newest message ever here and below
	newestAt  uint32 // when that was published
	lost      losses // here and below
	forgotten losses // in children that are gone, too

	agingAt    int  // its place in History.aging
	rank       rank // where it stands in History.ranks
	prev, next *node
}

// nodeBytes is what a namespace costs beside its messages. It counts against the
// bound, or a publisher could fill the memory with namespaces.
const nodeBytes = 320

// NewHistory makes a History of bytesMax at most. retention is asked once for
// every namespace that a message is added to.
func NewHistory(bytesMax int, retention func(namespace string) Retention) *History {
	return &History{retention: retention, bytesMax: bytesMax, at: map[string]*node{}}
}

// Bytes returns what is in use of the bound, and Messages how many are kept.
func (h *History) Bytes() int { return h.bytes }

// Messages returns how many messages are kept.
func (h *History) Messages() int { return h.messages }

// Keeps tells whether messages of a namespace are kept. The others must not be
// added.
func (h *History) Keeps(namespace []byte) bool {
	if n, ok := h.at[string(namespace)]; ok {
		return n.retention.Messages > 0
	}
	return h.retention(string(namespace)).Messages > 0
}

// Add keeps a message, whose number is larger than that of all before, and lets go
// of what there is no room for any more.
func (h *History) Add(namespace, frame []byte, seq uint64, at uint32) {
	n, ok := h.at[string(namespace)]
	if !ok {
		n = h.grow(string(namespace))
	}
	for m := n; m != nil; m = m.parent {
		m.newest, m.newestAt = seq, at
		m.comeFirst()
	}
	before := n.log.memory
	n.log.add(frame, seq, at)
	h.messages++
	h.bytes += n.log.memory - before
	for n.log.count > n.retention.Messages {
		h.drop(n)
	}
	h.expire(n, at)
	h.ranks.set(n)
	for h.bytes > h.bytesMax && h.relieve() {
	}
}

// grow adds a namespace, and those above it that are missing.
func (h *History) grow(namespace string) *node {
	n := &node{namespace: namespace, retention: h.retention(namespace)}
	h.at[namespace] = n
	h.bytes += nodeBytes + len(namespace)
	if n.retention.Age > 0 {
		n.agingAt = len(h.aging)
		h.aging = append(h.aging, n)
	}
	if namespace != "/" {
		above := namespace[:max(1, strings.LastIndexByte(namespace, '/'))]
		parent, ok := h.at[above]
		if !ok {
			parent = h.grow(above)
		}
		n.parent = parent
		n.lost, n.forgotten = parent.forgotten, parent.forgotten // it may be one of those, and those below
		n.joinSiblings()
		h.ranks.set(parent) // it is no leaf any more
	}
	h.ranks.set(n)
	return n
}

// drop lets go of a namespace's oldest message.
func (h *History) drop(n *node) {
	before := n.log.memory
	seq := n.log.dropOldest()
	h.messages--
	h.bytes += n.log.memory - before
	for m := n; m != nil; m = m.parent {
		m.lost.note(seq, h.mark)
	}
}

// Raise notes that messages up to a number may exist that were never added: up to
// there no set is complete, whatever is kept of it.
func (h *History) Raise(floor uint64) { h.floor = max(h.floor, floor) }

// Mark notes that somebody is being sent what was published up to a number: see
// LostSince.
func (h *History) Mark(until uint64) { h.mark = max(h.mark, until) }

// losses are the newest messages that are gone.
type losses struct {
	newest uint64
	marked uint64 // of those that were not younger than the mark when they went
}

func (l *losses) note(seq, mark uint64) {
	l.newest = max(l.newest, seq)
	if seq <= mark {
		l.marked = max(l.marked, seq)
	}
}

func (l *losses) join(other losses) {
	*l = losses{max(l.newest, other.newest), max(l.marked, other.marked)}
}

// expire lets go of what is too old at the time of now.
func (h *History) expire(n *node, now uint32) {
	if n.retention.Age == 0 {
		return
	}
	for n.log.count > 0 && now-n.log.oldest().at > n.retention.Age {
		h.drop(n)
	}
	h.ranks.set(n)
}

// Sweep lets go of what is too old in some of the namespaces. When it was called
// often enough it has looked at all, and begins anew.
func (h *History) Sweep(now uint32, namespaces int) {
	for range min(namespaces, len(h.aging)) {
		if h.swept++; h.swept >= len(h.aging) {
			h.swept = 0
		}
		h.expire(h.aging[h.swept], now)
	}
}

// relieve lets go of one thing: the oldest message of one of the largest
// namespaces, then a namespace without messages, and only then a namespace's last
// message. It tells whether there was anything.
func (h *History) relieve() bool {
	if n := h.ranks.largest(); n != nil {
		h.drop(n)
		h.ranks.rotate(n)
		return true
	}
	if n := h.ranks.first(rankEmpty); n != nil {
		h.forget(n)
		return true
	}
	if n := h.ranks.first(rankSingle); n != nil {
		h.drop(n)
		h.ranks.set(n)
		return true
	}
	return false
}

// forget removes a namespace that has no messages and nothing below it. That some
// of its messages were lost is known to the one above from now on, which cannot
// tell it from its neighbors: better a gap too many than one too few.
func (h *History) forget(n *node) {
	h.ranks.remove(n)
	delete(h.at, n.namespace)
	h.bytes -= nodeBytes + len(n.namespace)
	if n.retention.Age > 0 {
		last := len(h.aging) - 1
		moved := h.aging[last]
		moved.agingAt = n.agingAt
		h.aging[n.agingAt] = moved
		h.aging[last] = nil
		h.aging = h.aging[:last]
	}
	p := n.parent
	if p == nil {
		return
	}
	p.forgotten.join(n.lost)
	p.forgotten.join(n.forgotten)
	n.leaveSiblings()
	h.ranks.set(p)
}
