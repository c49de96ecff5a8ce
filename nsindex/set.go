package nsindex

import (
	"fmt"
	"slices"
	"strings"
)

// Limits of one subscription: the number of namespaces, and their length in total. A message finds
// a set by the message's ancestors, so the size of a set does not affect the cost of a message. The
// limits only bound the memory of one subscriber's set in the index, to about 14 KiB.
const (
	SetMax      = 64
	SetBytesMax = 4 << 10
)

// A Set is the set of namespaces of one subscription. The namespaces are canonical and sorted. A
// namespace below another one is omitted, because the other one matches its messages, too.
// Subscriptions to the same namespaces have equal keys, and so share one stream.
type Set struct {
	members []string
	key     string
}

// NewSet returns a Set of the given namespaces. They may be in any order. Errors wrap ErrNamespace.
func NewSet(namespaces ...string) (Set, error) {
	if len(namespaces) == 0 {
		return Set{}, fault(fmt.Sprintf("no namespace given: expected 1 to %d", SetMax))
	}
	if len(namespaces) > SetMax {
		return Set{}, fault(fmt.Sprintf("%d namespaces given, at most %d are allowed in one subscription", len(namespaces), SetMax))
	}
	members := make([]string, 0, len(namespaces))
	for _, ns := range namespaces {
		canonical, err := Canonical(ns)
		if err != nil {
			return Set{}, err
		}
		members = append(members, canonical)
	}
	slices.Sort(members)
	members = slices.Compact(members)
	if len(members) > 1 {
		members = withoutDescendants(members)
	}
	// No namespace contains a space, so the joined key is unambiguous.
	set := Set{members: members, key: strings.Join(members, " ")}
	if len(set.key) > SetBytesMax {
		return Set{}, fault(fmt.Sprintf("the namespaces have %d bytes in total, at most %d are allowed in one subscription", len(set.key), SetBytesMax))
	}
	rest := set.key
	for i, ns := range members { // make the members share the key's memory
		members[i], rest = rest[:len(ns)], rest[min(len(ns)+1, len(rest)):]
	}
	return set, nil
}

// Key returns a text that identifies the set.
func (s Set) Key() string { return s.key }

// Members returns the namespaces, sorted. The caller must not change them.
func (s Set) Members() []string { return s.members }

// withoutDescendants removes every member that is below another one. Comparing neighbors in the
// sorted list is not enough: "/a-b" sorts between "/a" and "/a/b".
func withoutDescendants(members []string) []string {
	all := make(map[string]bool, len(members))
	for _, ns := range members {
		all[ns] = true
	}
	return slices.DeleteFunc(members, func(ns string) bool {
		for up, ok := parent(ns); ok; up, ok = parent(up) {
			if all[up] {
				return true
			}
		}
		return false
	})
}

// parent returns the namespace one segment up. ok is false for the root.
func parent[T ~string | ~[]byte](ns T) (up T, ok bool) {
	if len(ns) <= 1 {
		return ns, false
	}
	i := len(ns) - 1
	for ns[i] != '/' {
		i--
	}
	return ns[:max(i, 1)], true
}
