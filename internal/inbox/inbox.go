// Package inbox hands values from many goroutines to one.
package inbox

import "sync"

// An Inbox collects values until the one goroutine that reads them takes them all at
// once. It has no bound of its own: use PutBelow, or bound what is under way elsewhere.
// Make one with New. All methods may be called from any goroutine.
//
//	Put ─┐
//	Put ─┼─► items ─► wake (first item only) ─► Take
//	Put ─┘
type Inbox[T any] struct {
	wake func()

	mu    sync.Mutex
	items []T // guarded by mu
}

// New returns an empty Inbox. It calls wake, without holding a lock, when an item is put
// into it while it is empty: the reader must take what is there some time after that.
func New[T any](wake func()) *Inbox[T] { return &Inbox[T]{wake: wake} }

// Put adds an item behind all others.
func (b *Inbox[T]) Put(item T) { b.put(item, -1) }

// PutBelow adds an item unless limit items or more wait already, and reports whether it
// did.
func (b *Inbox[T]) PutBelow(limit int, item T) bool { return b.put(item, limit) }

// put adds an item; a negative limit is none.
func (b *Inbox[T]) put(item T, limit int) bool {
	b.mu.Lock()
	before := len(b.items)
	if limit >= 0 && before >= limit {
		b.mu.Unlock()
		return false
	}
	b.items = append(b.items, item)
	b.mu.Unlock()
	if before == 0 {
		b.wake()
	}
	return true
}

// PutBack returns items that the reader has taken and not handled yet. They stand before
// all others, and the reader is woken again.
func (b *Inbox[T]) PutBack(items []T) {
	if len(items) == 0 {
		return
	}
	b.mu.Lock()
	b.items = append(items, b.items...)
	b.mu.Unlock()
	b.wake()
}

// Take empties the Inbox and returns what was in it, the oldest first. spare is memory
// that the reader no longer needs, such as what an earlier Take returned, or nil: the
// Inbox keeps it for the next items, or returns it, empty, if there were none. Its elements
// are not cleared.
func (b *Inbox[T]) Take(spare []T) []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		return spare[:0]
	}
	items := b.items
	b.items = spare[:0]
	return items
}
