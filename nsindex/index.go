package nsindex

import "fmt"

// An Index tells which hearers a message reaches. A hearer T stands for one
// subscription set and all who share it; the index knows nothing else of it.
// The zero Index is empty and ready.
type Index[T comparable] struct {
	sets map[string]T   // a set's key → its hearer
	at   map[string][]T // a namespace → the hearers of the sets that name it
}

// Len returns how many sets are attached.
func (x *Index[T]) Len() int { return len(x.sets) }

// Find returns the hearer attached for a set, if there is one.
func (x *Index[T]) Find(set Set) (hearer T, ok bool) {
	hearer, ok = x.sets[set.key]
	return hearer, ok
}

// Attach makes hearer hear everything at and below the members of set, which
// must not be attached yet.
func (x *Index[T]) Attach(set Set, hearer T) {
	if _, ok := x.sets[set.key]; ok {
		panic(fmt.Sprintf("nsindex: the set %q is attached twice", set.key))
	}
	if x.sets == nil {
		x.sets, x.at = map[string]T{}, map[string][]T{}
	}
	x.sets[set.key] = hearer
	for _, ns := range set.members {
		x.at[ns] = append(x.at[ns], hearer)
	}
}

// Detach undoes Attach.
func (x *Index[T]) Detach(set Set) {
	hearer, ok := x.sets[set.key]
	if !ok {
		panic(fmt.Sprintf("nsindex: the set %q is detached but was not attached", set.key))
	}
	delete(x.sets, set.key)
	for _, ns := range set.members {
		x.remove(ns, hearer)
	}
}

func (x *Index[T]) remove(ns string, hearer T) {
	hearers := x.at[ns]
	last := len(hearers) - 1
	if last == 0 {
		delete(x.at, ns)
		return
	}
	for i := range hearers {
		if hearers[i] == hearer {
			hearers[i] = hearers[last]
			break
		}
	}
	var none T
	hearers[last] = none
	x.at[ns] = hearers[:last]
}

// AppendAll appends every hearer to dst.
func (x *Index[T]) AppendAll(dst []T) []T {
	for _, hearer := range x.sets {
		dst = append(dst, hearer)
	}
	return dst
}

// AppendHearers appends to dst everyone who hears a message on ns, a canonical
// namespace: the hearers at ns itself and at each of its ancestors. Nobody
// comes twice, since no set holds two namespaces of which one is below the
// other. It takes one look-up per segment and allocates only if dst must grow.
func (x *Index[T]) AppendMatches(dst []T, ns []byte) []T {
	for ok := true; ok; ns, ok = parent(ns) {
		dst = append(dst, x.at[string(ns)]...)
	}
	return dst
}
