package history

// links are a node's neighbors in the list of its parent's children. The child with the
// newest message comes first, so a search for new messages can stop at the first child
// that has none, however many siblings follow.
type links struct{ prev, next *node }

// linkSibling makes n the first of its parent's children.
func (n *node) linkSibling() {
	first := n.parent.children
	n.siblings = links{nil, first}
	if first != nil {
		first.siblings.prev = n
	}
	n.parent.children = n
}

// unlinkSibling takes n out of its parent's children.
func (n *node) unlinkSibling() {
	prev, next := n.siblings.prev, n.siblings.next
	if prev != nil {
		prev.siblings.next = next
	} else {
		n.parent.children = next
	}
	if next != nil {
		next.siblings.prev = prev
	}
	n.siblings = links{}
}

// moveToFront makes n, which has just got the newest message, the first of its parent's
// children.
func (n *node) moveToFront() {
	if n.parent != nil && n.parent.children != n {
		n.unlinkSibling()
		n.linkSibling()
	}
}
