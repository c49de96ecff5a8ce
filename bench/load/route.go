package load

import "strings"

// A route determines which of a publisher's messages a subscription receives. The publishers of a
// crowd publish to their namespaces in turn: message n goes to namespace n modulo their number. So
// a subscriber of some of these namespaces knows which numbers are due. A gap, a repetition, a swap
// and a message of another namespace all appear as a number that was not due.
type route struct {
	// ahead holds, by number modulo the namespaces, the distance to the next message that the
	// subscription receives. It is nil if the subscription receives no message.
	ahead []uint64
}

// newRoute returns the route of a subscription to one or more namespaces, for a publisher that
// publishes to the namespaces of inTurn in turn.
func newRoute(subscription, inTurn []string) route {
	n := len(inTurn)
	ahead := make([]uint64, n)
	for i := range inTurn {
		for ; ahead[i] < uint64(n) && !covers(subscription, inTurn[(i+int(ahead[i]))%n]); ahead[i]++ {
		}
		if ahead[i] == uint64(n) {
			return route{}
		}
	}
	return route{ahead}
}

// covers reports whether a subscription covers a namespace. A subscription covers its own
// namespaces and all namespaces below them, by whole segments.
func covers(subscription []string, namespace string) bool {
	for _, s := range subscription {
		if s == "/" || namespace == s || strings.HasPrefix(namespace, s+"/") {
			return true
		}
	}
	return false
}

// isEmpty reports whether the subscription receives no message of this publisher.
func (r route) isEmpty() bool { return r.ahead == nil }

// due returns the first number that is received, starting at n.
func (r route) due(n uint64) uint64 { return n + r.ahead[n%uint64(len(r.ahead))] }

// track is the progress of one subscriber with one publisher. The next number that it receives is
// between least and most. Both are the same once the subscriber has received a message. Before that
// it may or may not receive messages that were in flight while it joined. It must not receive a
// message that was answered OK before its request. It must receive every message sent after its
// answer.
type track struct {
	least, most uint64
}

// accept records that message n arrived and reports whether it was due.
func (t *track) accept(r route, n uint64) bool {
	if r.isEmpty() || n < t.least || n > t.most || r.due(n) != n {
		return false
	}
	t.least = r.due(n + 1)
	t.most = t.least
	return true
}
