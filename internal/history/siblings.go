package history

// links are a node's neighbors in the list of its parent's children. The child with the newest
// message comes first, so a search for new messages stops at the first child without any,
// regardless of the number of siblings.
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

// unlinkSibling removes n from its parent's children.
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

// moveToFront moves n to the front of its parent's children, after n has received the newest
// message.
func (n *node) moveToFront() {
	if n.parent != nil && n.parent.children != n {
		n.unlinkSibling()
		n.linkSibling()
	}
}
