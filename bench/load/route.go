package load

import "strings"

// A route says which of a publisher's messages a subscription hears. The publishers of a crowd go
// through their namespaces in turn: message n goes to namespace n modulo their number. So whoever
// subscribes to some of these namespaces knows which numbers are due to it, and a gap, a
// repetition, a swap and a message from elsewhere all look alike: a number that was not due.
type route struct {
	// ahead is, by number modulo the namespaces, how far it is to the next message that is heard;
	// nil if none is.
	ahead []uint64
}

// newRoute returns the route of a subscription to all of these namespaces, for a publisher that
// takes the given ones in turn.
func newRoute(subscription, inTurn []string) route {
	n := len(inTurn)
	ahead := make([]uint64, n)
	for i := range inTurn {
		for ; ahead[i] < uint64(n) && !hears(subscription, inTurn[(i+int(ahead[i]))%n]); ahead[i]++ {
		}
		if ahead[i] == uint64(n) {
			return route{}
		}
	}
	return route{ahead}
}

// hears says whether a subscription covers a namespace: itself and all below it, by whole segments.
func hears(subscription []string, namespace string) bool {
	for _, s := range subscription {
		if s == "/" || namespace == s || strings.HasPrefix(namespace, s+"/") {
			return true
		}
	}
	return false
}

// none says that the subscription hears nothing of this publisher.
func (r route) none() bool { return r.ahead == nil }

// due returns the first number from n on that is heard.
func (r route) due(n uint64) uint64 { return n + r.ahead[n%uint64(len(r.ahead))] }

// track is how far one subscriber is with one publisher: the next number that it hears lies between
// least and most. They are the same once it has heard one. Before, messages were on their way while
// it joined, and it may hear them or not: but none that was answered OK before it asked, and every
// one that was sent after it had its answer.
type track struct {
	least, most uint64
}

// hear takes the next number and says whether it was due.
func (t *track) hear(r route, n uint64) bool {
	if r.none() || n < t.least || n > t.most || r.due(n) != n {
		return false
	}
	t.least = r.due(n + 1)
	t.most = t.least
	return true
}
