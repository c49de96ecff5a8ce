package nsindex

import "fmt"

// An Index finds the values that a message matches. Each subscription set has one value of type T,
// which is shared by all subscribers of the set. The index does not use the values itself. The zero
// Index is empty and ready to use.
type Index[T comparable] struct {
	sets map[string]T   // from a set's key to its value
	at   map[string][]T // from a namespace to the values of the sets with this member
}

// Len returns how many sets are attached.
func (x *Index[T]) Len() int { return len(x.sets) }

// Find returns the value that is attached to a set. ok is false if there is no value.
func (x *Index[T]) Find(set Set) (value T, ok bool) {
	value, ok = x.sets[set.key]
	return value, ok
}

// Attach attaches value to set, so that messages at and below the members of set match it. It
// panics if set is already attached.
func (x *Index[T]) Attach(set Set, value T) {
	if _, ok := x.sets[set.key]; ok {
		panic(fmt.Sprintf("nsindex: Attach of the set %q, which is already attached", set.key))
	}
	if x.sets == nil {
		x.sets, x.at = map[string]T{}, map[string][]T{}
	}
	x.sets[set.key] = value
	for _, ns := range set.members {
		x.at[ns] = append(x.at[ns], value)
	}
}

// Detach removes set and its value. It panics if set is not attached.
func (x *Index[T]) Detach(set Set) {
	value, ok := x.sets[set.key]
	if !ok {
		panic(fmt.Sprintf("nsindex: Detach of the set %q, which is not attached", set.key))
	}
	delete(x.sets, set.key)
	for _, ns := range set.members {
		x.remove(ns, value)
	}
}

// remove removes a value from the list of a namespace. The order of the list does not matter.
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

// AppendMatches appends to dst the values that match a message on ns, a canonical namespace. These
// are the values at ns and at each of its ancestors. No value occurs twice, because no set contains
// two namespaces of which one is below the other. AppendMatches does one lookup for ns and one for
// each ancestor, and allocates only if dst must grow.
func (x *Index[T]) AppendMatches(dst []T, ns []byte) []T {
	for ok := true; ok; ns, ok = parent(ns) {
		dst = append(dst, x.at[string(ns)]...)
	}
	return dst
}
