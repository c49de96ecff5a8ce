package history

import "container/heap"

// A cursor walks the messages of a set from the newest to the oldest. It points either to a node
// that is not yet expanded, or to a message of a log.
type cursor struct {
	seq    uint64 // of the message; for a node: of its newest message, including messages below it
	node   *node  // nil: the cursor points to a message
	member bool   // the node is a member of the set, so its siblings are not part of it
	log    *log
	at     place
}

// cursorHeap orders cursors by their numbers, the newest first.
type cursorHeap []cursor

func (c cursorHeap) Len() int           { return len(c) }
func (c cursorHeap) Less(i, j int) bool { return c[i].seq > c[j].seq }
func (c cursorHeap) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }

// Push implements heap.Interface but is never called. The method add does the same without an
// allocation.
func (c *cursorHeap) Push(any) { panic("history: a cursor was pushed") }

// Pop implements heap.Interface. It returns nil, because no caller uses the result.
func (c *cursorHeap) Pop() any {
	*c = (*c)[:len(*c)-1]
	return nil
}

func (c *cursorHeap) add(x cursor) {
	*c = append(*c, x)
	heap.Fix(c, len(*c)-1)
}

// BeforeLast returns the number before the last n messages of a set: Read from that number returns
// them. If the set has n messages or fewer, the number is 0. Messages that exceed their age limit
// at the time now do not count.
//
// It visits only namespaces that may have one of those messages, and one sibling more.
func (h *History) BeforeLast(set []string, n int, now uint32) (after uint64) {
	if n >= h.messages {
		return 0
	}
	var cursors cursorHeap
	for _, ns := range set {
		if found, ok := h.nodes[ns]; ok {
			cursors.add(cursor{seq: found.newest, node: found, member: true})
		}
	}
	for len(cursors) > 0 {
		newest := cursors[0]
		switch {
		case newest.node != nil:
			heap.Pop(&cursors)
			h.expire(newest.node, now)
			cursors.expand(newest)
		case n <= 0:
			return newest.seq
		default:
			n--
			cursors.previous()
		}
	}
	return 0
}

// expand adds the parts of a node, which are its log and its first child, and the node's next
// sibling.
func (c *cursorHeap) expand(x cursor) {
	n := x.node
	if p, ok := n.log.prev(n.log.end()); ok {
		message, _, _ := n.log.at(p)
		c.add(cursor{seq: message.seq, log: &n.log, at: p})
	}
	if child := n.children; child != nil {
		c.add(cursor{seq: child.newest, node: child})
	}
	if next := n.siblings.next; next != nil && !x.member {
		c.add(cursor{seq: next.newest, node: next})
	}
}

// previous moves the first cursor, which points to a message, to the message before it in the same
// log.
func (c *cursorHeap) previous() {
	first := &(*c)[0]
	p, ok := first.log.prev(first.at)
	if !ok {
		heap.Pop(c)
		return
	}
	message, _, _ := first.log.at(p)
	first.at, first.seq = p, message.seq
	heap.Fix(c, 0)
}
