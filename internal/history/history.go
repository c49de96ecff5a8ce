package history

import "strings"

// A Retention limits how much of one namespace a History keeps. The zero Retention
// keeps nothing.
type Retention struct {
	Messages int    // how many of the newest messages are kept; 0: none
	Age      uint32 // how old a message may get, in the caller's unit of time; 0: no limit
}

// A History keeps the newest messages of many namespaces in memory. One bound in bytes
// applies to all of them together, and a Retention to each. It also knows, for each
// namespace, the newest message that it no longer has.
//
// Namespaces are canonical, such as "/pets/dogs", and form a tree, so that everything
// below a namespace is found without a look at the rest. A set of namespaces, which most
// methods take, stands for those namespaces and all below them. None of its members lies
// below another one, as in nsindex.Set. The caller numbers the messages, counts the time,
// and picks its unit.
type History struct {
	retention func(namespace string) Retention
	bytesMax  int
	nodes     map[string]*node // by namespace
	bytes     int
	messages  int
	mark      uint64 // see Mark
	floor     uint64 // see Raise
	ranks     ranks
	aging     []*node // namespaces with an age limit
	swept     int     // index in aging of the last namespace that Sweep has visited
	sources   []source
}

// A node is a namespace of the tree. When its messages are gone, it stays as long as
// there is memory, because it knows of the loss.
type node struct {
	namespace string
	parent    *node
	children  *node // the first child, which has the newest message
	siblings  links // ordered by their newest messages
	retention Retention
	log       log
	newest    uint64 // number of the newest message ever added here or below
	newestAt  uint32 // time of that message
	lost      losses // here and below
	removed   losses // of children whose nodes are removed

	agingAt    int  // index in History.aging
	rank       rank // list of History.ranks that holds the node
	prev, next *node
}

// nodeBytes is the memory that a namespace takes besides its name and its messages. It
// counts against the bound: otherwise a publisher could fill the memory with namespaces.
const nodeBytes = 320

// New returns an empty History of at most bytesMax bytes. It calls retention once for
// each namespace that gets a node, and in Keeps for one that has no node yet.
func New(bytesMax int, retention func(namespace string) Retention) *History {
	return &History{retention: retention, bytesMax: bytesMax, nodes: map[string]*node{}}
}

// Bytes returns how much memory counts against the bound, in bytes.
func (h *History) Bytes() int { return h.bytes }

// Messages returns how many messages are kept in all namespaces together.
func (h *History) Messages() int { return h.messages }

// Keeps reports whether messages of a namespace are kept. The caller must not add
// messages of other namespaces.
func (h *History) Keeps(namespace []byte) bool {
	if n, ok := h.nodes[string(namespace)]; ok {
		return n.retention.Messages > 0
	}
	return h.retention(string(namespace)).Messages > 0
}

// Add keeps a copy of a message's frame. seq is the message's number, larger than that
// of every message added before; at is the time now, not before that of the last call.
// Then Add drops what exceeds the retention of the namespace or the bound.
func (h *History) Add(namespace, frame []byte, seq uint64, at uint32) {
	n, ok := h.nodes[string(namespace)]
	if !ok {
		n = h.addNode(string(namespace))
	}
	for m := n; m != nil; m = m.parent {
		m.newest, m.newestAt = seq, at
		m.moveToFront()
	}
	before := n.log.memory
	n.log.add(frame, seq, at)
	h.messages++
	h.bytes += n.log.memory - before
	for n.log.count > n.retention.Messages {
		h.dropOldest(n)
	}
	h.expire(n, at)
	h.ranks.set(n)
	for h.bytes > h.bytesMax && h.evict() {
	}
}

// addNode adds a node for a namespace, and for each ancestor that has none.
func (h *History) addNode(namespace string) *node {
	n := &node{namespace: namespace, retention: h.retention(namespace)}
	h.nodes[namespace] = n
	h.bytes += nodeBytes + len(namespace)
	if n.retention.Age > 0 {
		n.agingAt = len(h.aging)
		h.aging = append(h.aging, n)
	}
	if namespace != "/" {
		above := namespace[:max(1, strings.LastIndexByte(namespace, '/'))]
		parent, ok := h.nodes[above]
		if !ok {
			parent = h.addNode(above)
		}
		n.parent = parent
		n.lost, n.removed = parent.removed, parent.removed // n may be one of the removed nodes, or above one
		n.linkSibling()
		h.ranks.set(parent) // it is no longer a leaf
	}
	h.ranks.set(n)
	return n
}

// dropOldest drops a namespace's oldest message and notes the loss.
func (h *History) dropOldest(n *node) {
	before := n.log.memory
	seq := n.log.dropOldest()
	h.messages--
	h.bytes += n.log.memory - before
	for m := n; m != nil; m = m.parent {
		m.lost.note(seq, h.mark)
	}
}

// Raise notes that messages up to the number floor may exist that were never added, so
// Lost reports at least floor to callers that ask for messages from before it. A lower
// floor than before changes nothing.
func (h *History) Raise(floor uint64) { h.floor = max(h.floor, floor) }

// Mark notes that a replay of the messages up to the number until has begun: see
// LostSince. A lower number than before changes nothing.
func (h *History) Mark(until uint64) { h.mark = max(h.mark, until) }

// losses are the numbers of the newest messages that were dropped; 0: none.
type losses struct {
	newest uint64
	marked uint64 // of the messages that the mark included when they were dropped
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

// expire drops the messages of a namespace that exceed its age limit at the time now.
func (h *History) expire(n *node, now uint32) {
	if n.retention.Age == 0 {
		return
	}
	for n.log.count > 0 && now-n.log.oldest().at > n.retention.Age {
		h.dropOldest(n)
	}
	h.ranks.set(n)
}

// Sweep drops the messages that exceed their age limit at the time now in the next few
// namespaces that have such a limit, at most as many as namespaces says. Repeated calls
// visit all of them in turn.
func (h *History) Sweep(now uint32, namespaces int) {
	for range min(namespaces, len(h.aging)) {
		if h.swept++; h.swept >= len(h.aging) {
			h.swept = 0
		}
		h.expire(h.aging[h.swept], now)
	}
}

// evict drops one thing to free memory, and reports whether there was anything. The
// first choice is the oldest message of one of the largest namespaces, then a node
// without messages, and only then a namespace's last message.
func (h *History) evict() bool {
	if n := h.ranks.largest(); n != nil {
		h.dropOldest(n)
		h.ranks.rotate(n)
		return true
	}
	if n := h.ranks.first(rankEmpty); n != nil {
		h.removeNode(n)
		return true
	}
	if n := h.ranks.first(rankSingle); n != nil {
		h.dropOldest(n)
		h.ranks.set(n)
		return true
	}
	return false
}

// removeNode removes a node that has no messages and no children. Its parent takes over
// the knowledge of its losses, but cannot tell which child had them, so siblings may
// report a loss that they do not have. That is better than one that nobody reports.
func (h *History) removeNode(n *node) {
	h.ranks.remove(n)
	delete(h.nodes, n.namespace)
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
	p.removed.join(n.lost)
	p.removed.join(n.removed)
	n.unlinkSibling()
	h.ranks.set(p)
}
