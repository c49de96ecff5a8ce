package history

import "math/bits"

// A rank is what History.relieve goes by.
type rank uint8

const (
	unranked   rank = iota // a namespace that only has others below it
	rankEmpty              // no messages, nothing below
	rankSingle             // one message
	rankLarge              // more: this, and one more for each doubling of its bytes
	ranksMax   = rankLarge + 64
)

// ranks are the namespaces of each rank, in lists that go through the nodes, so
// that a namespace changes its place without a search, and most changes of a log
// change none.
type ranks struct {
	heads [ranksMax]node // of circular lists
	top   rank           // no list above it has any
}

func (n *node) rankNow() rank {
	switch {
	case n.log.count > 1:
		return rankLarge + rank(bits.Len(uint(n.log.bytes)))
	case n.log.count == 1:
		return rankSingle
	case n.children == nil && n.parent != nil:
		return rankEmpty
	}
	return unranked
}

// set puts n where it belongs now.
func (r *ranks) set(n *node) {
	if now := n.rankNow(); now != n.rank {
		r.remove(n)
		r.add(n, now)
	}
}

// rotate puts n behind the others of its rank, or where it belongs now.
func (r *ranks) rotate(n *node) {
	r.remove(n)
	r.add(n, n.rankNow())
}

func (r *ranks) add(n *node, as rank) {
	if n.rank = as; as == unranked {
		return
	}
	head := &r.heads[as]
	if head.next == nil {
		head.next, head.prev = head, head
	}
	n.prev, n.next = head.prev, head
	n.prev.next, head.prev = n, n
	r.top = max(r.top, as)
}

func (r *ranks) remove(n *node) {
	if n.rank == unranked {
		return
	}
	n.prev.next, n.next.prev = n.next, n.prev
	n.prev, n.next, n.rank = nil, nil, unranked
}

// first returns the namespace that has a rank for the longest time, or nil.
func (r *ranks) first(of rank) *node {
	head := &r.heads[of]
	if head.next == nil || head.next == head {
		return nil
	}
	return head.next
}

// largest returns one of the namespaces with the most bytes, to within a factor of
// two, among those with more than one message; or nil.
func (r *ranks) largest() *node {
	for ; r.top >= rankLarge; r.top-- {
		if n := r.first(r.top); n != nil {
			return n
		}
	}
	return nil
}
