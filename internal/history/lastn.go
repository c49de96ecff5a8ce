package history

import "container/heap"

// A latest is the newest of what is left of something: of a namespace and what lies
// below it, before one has looked, or of a log's messages.
type latest struct {
	seq    uint64
	node   *node // nil: of a log
	member bool  // the node is a member of the set, whose siblings are not meant
	log    *log
	at     place
}

// newestFirst is a heap of them.
type newestFirst []latest

func (l newestFirst) Len() int           { return len(l) }
func (l newestFirst) Less(i, j int) bool { return l[i].seq > l[j].seq }
func (l newestFirst) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }

// Push is that of heap.Interface; add does it without an allocation.
func (l *newestFirst) Push(any) { panic("sse: something was pushed") }

// Pop is that of heap.Interface.
func (l *newestFirst) Pop() any {
	*l = (*l)[:len(*l)-1]
	return nil
}

func (l *newestFirst) add(x latest) {
	*l = append(*l, x)
	heap.Fix(l, len(*l)-1)
}

// Before returns the number behind which a set has its newest messages, as many as
// asked for, or all if there are fewer. What is too old at the time of now does not
// count.
//
// It looks only at namespaces that may have one of them, and at one sibling more.
func (h *History) Before(set []string, messages int, now uint32) (after uint64) {
	if messages >= h.messages {
		return 0
	}
	var all newestFirst
	for _, ns := range set {
		if n, ok := h.at[ns]; ok {
			all.add(latest{seq: n.newest, node: n, member: true})
		}
	}
	for len(all) > 0 {
		top := all[0]
		switch {
		case top.node != nil:
			heap.Pop(&all)
			h.expire(top.node, now)
			all.unfold(top)
		case messages <= 0:
			return top.seq
		default:
			messages--
			all.older()
		}
	}
	return 0
}

// unfold adds what a namespace is made of, and its next sibling.
func (l *newestFirst) unfold(x latest) {
	n := x.node
	if p, ok := n.log.back(n.log.end()); ok {
		message, _, _ := n.log.at(p)
		l.add(latest{seq: message.seq, log: &n.log, at: p})
	}
	if child := n.children; child != nil {
		l.add(latest{seq: child.newest, node: child})
	}
	if next := n.siblings.behind; next != nil && !x.member {
		l.add(latest{seq: next.newest, node: next})
	}
}

// older goes on to the message before the newest, in its log.
func (l *newestFirst) older() {
	top := &(*l)[0]
	p, ok := top.log.back(top.at)
	if !ok {
		heap.Pop(l)
		return
	}
	message, _, _ := top.log.at(p)
	top.at, top.seq = p, message.seq
	heap.Fix(l, 0)
}
