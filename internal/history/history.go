package history

import (
	"math"
	"strings"
)

// A Retention limits how much of one namespace a History keeps. The zero Retention
// keeps nothing.
type Retention struct {
	Messages int    // how many of the newest messages are kept; 0 keeps none
	Age      uint32 // how old a message may get, in the caller's unit of time; 0: no limit
}

// A History keeps the newest messages of many namespaces in memory. One bound in bytes applies to
// all of them together, and a Retention to each. For each namespace, it also knows the newest
// message that it has dropped.
//
// Namespaces are canonical, such as "/pets/dogs", and form a tree, so the namespaces below another
// one are found without visiting the rest. Most methods accept a set of namespaces. It means these
// namespaces and all below them. No member of a set is below another member, as in nsindex.Set. The
// caller numbers the messages, passes the time, and chooses its unit.
type History struct {
	retention func(namespace string) Retention
	bytesMax  int
	nodes     map[string]*node // by namespace
	bytes     int
	messages  int
	mark      uint64  // see Mark
	floor     uint64  // see Raise
	settled   uint64  // see Settle
	delayed   []*node // namespaces that exceed their retention because of settled
	ranks     ranks
	aging     []*node // namespaces with an age limit
	swept     int     // index in aging of the namespace that Sweep visited last
	sources   []source
}

// A node is a namespace of the tree. After its messages are dropped, it stays as long as there is
// memory, because it knows of the loss.
type node struct {
	namespace string
	parent    *node
	children  *node // the first child; it has the newest message
	siblings  links // ordered by their newest messages
	retention Retention
	log       log
	newest    uint64 // number of the newest message ever added to this namespace or below
	newestAt  uint32 // time of that message
	lost      losses // here and below
	removed   losses // losses of children whose nodes were removed
	isDelayed bool   // it is in History.delayed

	agingAt    int  // index in History.aging
	rank       rank // list of History.ranks that holds the node
	prev, next *node
}

// nodeBytes is the memory of a node without its name and its messages. It counts against the bound.
// Otherwise a publisher could fill the memory with empty namespaces.
const nodeBytes = 320

// New returns an empty History of at most bytesMax bytes. It calls retention once for each
// namespace that gets a node. Keeps calls it for namespaces without a node.
func New(bytesMax int, retention func(namespace string) Retention) *History {
	return &History{retention: retention, bytesMax: bytesMax, nodes: map[string]*node{}, settled: math.MaxUint64}
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

// Add keeps a copy of a message's frame. seq is the message's number, which must be larger than the
// numbers of all messages added before. at is the current time, which must not be before the time
// of the last call. Add then drops messages that exceed the retention of the namespace or the
// bound.
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
	h.trim(n)
	h.expire(n, at)
	h.ranks.set(n)
	for h.bytes > h.bytesMax && h.evict() {
	}
}

// trim drops the messages that exceed the number for a namespace. Messages after settled
// wait for Settle.
func (h *History) trim(n *node) {
	for n.log.count > n.retention.Messages {
		if !h.mayDropOldest(n) {
			if !n.isDelayed {
				n.isDelayed = true
				h.delayed = append(h.delayed, n)
			}
			return
		}
		h.dropOldest(n)
	}
}

// HoldAll makes the History keep every message until Settle allows it to drop it. Meanwhile the
// History may exceed its bounds.
//
// It is for several readers with different positions. Each one reads the messages up to a number of
// its own, and follows a live stream from there. If all messages after the smallest of these
// numbers are kept, then every loss lies before the position of each reader.
func (h *History) HoldAll() { h.settled = 0 }

// Settle drops the messages up to the number until that exceed a retention or the bound, and lets
// later calls drop such messages. A smaller number than before changes nothing.
func (h *History) Settle(until uint64) {
	if until <= h.settled {
		return
	}
	h.settled = until
	delayed := h.delayed
	h.delayed = h.delayed[:0]
	for _, n := range delayed {
		n.isDelayed = false
		if h.nodes[n.namespace] == n { // it may have been removed
			h.trim(n) // this may put n back into delayed
			h.ranks.set(n)
		}
	}
	clear(delayed[len(h.delayed):])
	for h.bytes > h.bytesMax && h.evict() {
	}
}

// mayDropOldest reports whether a namespace's oldest message may be dropped. There must be one.
func (h *History) mayDropOldest(n *node) bool { return n.log.oldest().seq <= h.settled }

// addNode adds a node for a namespace, and for each ancestor without a node.
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
		n.lost, n.removed = parent.removed, parent.removed // n or a node below may have been removed
		n.linkSibling()
		h.ranks.set(parent) // the parent has a child now, so its rank may change
	}
	h.ranks.set(n)
	return n
}

// dropOldest drops a namespace's oldest message and records the loss.
func (h *History) dropOldest(n *node) {
	before := n.log.memory
	seq := n.log.dropOldest()
	h.messages--
	h.bytes += n.log.memory - before
	for m := n; m != nil; m = m.parent {
		m.lost.note(seq, h.mark)
	}
}

// Raise records that messages up to the number floor may exist that were never added. So Lost
// reports at least floor to callers that ask for messages from before it. A lower floor than before
// changes nothing.
func (h *History) Raise(floor uint64) { h.floor = max(h.floor, floor) }

// Mark records that a replay of the messages up to the number until has begun: see LostSince. A
// lower number than before changes nothing.
func (h *History) Mark(until uint64) { h.mark = max(h.mark, until) }

// losses holds the numbers of the newest dropped messages; 0 means no loss.
type losses struct {
	newest uint64
	marked uint64 // newest among the messages that were at or below the mark when they were dropped
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
	for n.log.count > 0 && now-n.log.oldest().at > n.retention.Age && h.mayDropOldest(n) {
		h.dropOldest(n)
	}
	h.ranks.set(n)
}

// Sweep drops expired messages of a few namespaces that have an age limit. It visits at most the
// given number of namespaces. Repeated calls visit all of them, one after the other.
func (h *History) Sweep(now uint32, namespaces int) {
	for range min(namespaces, len(h.aging)) {
		if h.swept++; h.swept >= len(h.aging) {
			h.swept = 0
		}
		h.expire(h.aging[h.swept], now)
	}
}

// evict frees memory by one step, and reports whether it freed any. The first choice is the oldest
// message of one of the largest namespaces, then a node without messages, and only then a
// namespace's last message. If that oldest message waits for Settle, evict frees nothing. Otherwise
// one slow reader would cost quiet namespaces their last messages.
func (h *History) evict() bool {
	if n := h.ranks.largest(); n != nil {
		if !h.mayDropOldest(n) {
			return false
		}
		h.dropOldest(n)
		h.ranks.rotate(n)
		return true
	}
	if n := h.ranks.first(rankEmpty); n != nil {
		h.removeNode(n)
		return true
	}
	if n := h.ranks.first(rankSingle); n != nil && h.mayDropOldest(n) {
		h.dropOldest(n)
		h.ranks.set(n)
		return true
	}
	return false
}

// removeNode removes a node that has no messages and no children. Its parent takes over the record
// of its losses, but not which child had them. So siblings may report a loss that they do not have,
// which is better than an unreported loss.
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
