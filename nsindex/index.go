package nsindex

import "fmt"

// An Index finds the values that a message matches. A value of type T stands for one
// subscription set and all who share it; the index knows nothing else of it.
// The zero Index is empty and ready.
type Index[T comparable] struct {
	sets map[string]T   // a set's key → its value
	at   map[string][]T // a namespace → the values of the sets that name it
}

// Len returns how many sets are attached.
func (x *Index[T]) Len() int { return len(x.sets) }

// Find returns the value attached for a set, if there is one.
func (x *Index[T]) Find(set Set) (value T, ok bool) {
	value, ok = x.sets[set.key]
	return value, ok
}

// Attach makes value match everything at and below the members of set, which
// must not be attached yet.
func (x *Index[T]) Attach(set Set, value T) {
	if _, ok := x.sets[set.key]; ok {
		panic(fmt.Sprintf("nsindex: the set %q is attached twice", set.key))
	}
	if x.sets == nil {
		x.sets, x.at = map[string]T{}, map[string][]T{}
	}
	x.sets[set.key] = value
	for _, ns := range set.members {
		x.at[ns] = append(x.at[ns], value)
	}
}

// Detach undoes Attach.
func (x *Index[T]) Detach(set Set) {
	value, ok := x.sets[set.key]
	if !ok {
		panic(fmt.Sprintf("nsindex: the set %q is detached but was not attached", set.key))
	}
	delete(x.sets, set.key)
	for _, ns := range set.members {
		x.remove(ns, value)
	}
}

func (x *Index[T]) remove(ns string, value T) {
	values := x.at[ns]
	last := len(values) - 1
	if last == 0 {
		delete(x.at, ns)
		return
	}
	for i := range values {
		if values[i] == value {
			values[i] = values[last]
			break
		}
	}
	var none T
	values[last] = none
	x.at[ns] = values[:last]
}

// AppendAll appends every value to dst.
func (x *Index[T]) AppendAll(dst []T) []T {
	for _, value := range x.sets {
		dst = append(dst, value)
	}
	return dst
}

// AppendMatches appends to dst the values that a message on ns, a canonical namespace,
// matches: those at ns itself and at each of its ancestors. No value
// comes twice, since no set holds two namespaces of which one is below the
// other. It takes one look-up per segment and allocates only if dst must grow.
func (x *Index[T]) AppendMatches(dst []T, ns []byte) []T {
	for ok := true; ok; ns, ok = parent(ns) {
		dst = append(dst, x.at[string(ns)]...)
	}
	return dst
}
