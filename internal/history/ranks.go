package history

import "math/bits"

// A rank orders namespaces for History.evict.
type rank uint8

const (
	unranked   rank = iota // no messages, but children or no parent
	rankEmpty              // no messages, no children
	rankSingle             // one message
	rankLarge              // more messages: rankLarge, plus one for each doubling of their bytes
	ranksMax   = rankLarge + 64
)

// ranks holds a list of namespaces for each rank. The lists link the nodes themselves, so that a
// namespace moves without a search. Most changes of a log do not change its rank.
type ranks struct {
	heads [ranksMax]node // of circular lists
	top   rank           // all lists above it are empty
}

// currentRank returns the rank that the node should have.
func (n *node) currentRank() rank {
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

// set moves n to the list of its current rank, if it is in another one.
func (r *ranks) set(n *node) {
	if current := n.currentRank(); current != n.rank {
		r.remove(n)
		r.add(n, current)
	}
}

// rotate moves n to the end of the list of its current rank.
func (r *ranks) rotate(n *node) {
	r.remove(n)
	r.add(n, n.currentRank())
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

// first returns the first namespace in the list of a rank, which has waited the longest,
// or nil.
func (r *ranks) first(of rank) *node {
	head := &r.heads[of]
	if head.next == nil || head.next == head {
		return nil
	}
	return head.next
}

// largest returns one of the largest namespaces, in bytes and to within a factor of two,
// among those with more than one message, or nil.
func (r *ranks) largest() *node {
	for ; r.top >= rankLarge; r.top-- {
		if n := r.first(r.top); n != nil {
			return n
		}
	}
	return nil
}
