package history

// links are a node's neighbors in the list of its parent's children. The one with
// the newest message stands first, so that whoever looks for what is new stops
// where it ends, however many namespaces there are beside.
type links struct{ before, behind *node }

// joinSiblings makes n the first of its parent's children.
func (n *node) joinSiblings() {
	first := n.parent.children
	n.siblings = links{nil, first}
	if first != nil {
		first.siblings.before = n
	}
	n.parent.children = n
}

// leaveSiblings takes n out of its parent's children.
func (n *node) leaveSiblings() {
	before, behind := n.siblings.before, n.siblings.behind
	if before != nil {
		before.siblings.behind = behind
	} else {
		n.parent.children = behind
	}
	if behind != nil {
		behind.siblings.before = before
	}
	n.siblings = links{}
}

// comeFirst is for the one that has got the newest message.
func (n *node) comeFirst() {
	if n.parent != nil && n.parent.children != n {
		n.leaveSiblings()
		n.joinSiblings()
	}
}
