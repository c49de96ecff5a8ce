package nsindex

import (
	"fmt"
	"slices"
	"strings"
)

// Limits of one subscription: how many namespaces, and how long they may be
// together. A message finds a set by its ancestors, not by its size, so these
// only bound what one subscriber may make the index hold: some 14 KiB.
const (
	SetMax      = 64
	SetBytesMax = 4 << 10
)

// A Set is what one connection subscribes to: canonical namespaces, sorted,
// without those that lie below another one (they are heard anyway). Two
// connections that want the same have equal keys and so share one stream.
type Set struct {
	members []string
	key     string
}

// NewSet makes a Set of namespaces, in any order. Errors wrap ErrNamespace.
func NewSet(namespaces ...string) (Set, error) {
	if len(namespaces) == 0 {
		return Set{}, fmt.Errorf("%w: none was given", ErrNamespace)
	}
	if len(namespaces) > SetMax {
		return Set{}, fmt.Errorf("%w: %d were given, at most %d may be subscribed to at once", ErrNamespace, len(namespaces), SetMax)
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
	// No namespace holds a space, so the joined key is unambiguous.
	set := Set{members: members, key: strings.Join(members, " ")}
	if len(set.key) > SetBytesMax {
		return Set{}, fmt.Errorf("%w: those that were given have %d bytes together, at most %d are allowed", ErrNamespace, len(set.key), SetBytesMax)
	}
	rest := set.key
	for i, ns := range members { // they share the key's memory
		members[i], rest = rest[:len(ns)], rest[min(len(ns)+1, len(rest)):]
	}
	return set, nil
}

// Key identifies the set.
func (s Set) Key() string { return s.key }

// Members returns the namespaces, sorted. The caller must not change them.
func (s Set) Members() []string { return s.members }

// withoutDescendants drops every member that lies below another. Sorting alone
// does not bring them together: "/a-b" sorts between "/a" and "/a/b".
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

// parent returns the namespace one segment up; the root has none.
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
