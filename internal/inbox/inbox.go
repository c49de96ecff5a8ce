// Package inbox passes values from many goroutines to one.
package inbox

import "sync"

// An Inbox collects values until its single reader takes all of them in one call. An Inbox is
// unbounded: use PutBelow, or bound the values elsewhere. Create it with New. All methods may be
// called from any goroutine.
//
//	Put ─┐
//	Put ─┼─► items ─► wake (first item only) ─► Take
//	Put ─┘
type Inbox[T any] struct {
	wake func()

	mu    sync.Mutex
	items []T // guarded by mu
}

// New returns an empty Inbox. The Inbox calls wake, without holding a lock, when an item is added
// while it is empty. After that call, the reader must call Take.
func New[T any](wake func()) *Inbox[T] { return &Inbox[T]{wake: wake} }

// Put adds an item after all others.
func (b *Inbox[T]) Put(item T) { b.put(item, -1) }

// PutBelow adds an item unless limit or more items are waiting. It reports whether the item was
// added.
func (b *Inbox[T]) PutBelow(limit int, item T) bool { return b.put(item, limit) }

// put adds an item. A negative limit means no limit.
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

// PutBack returns items that the reader has taken but not handled. They go before all other items,
// and wake is called again.
func (b *Inbox[T]) PutBack(items []T) {
	if len(items) == 0 {
		return
	}
	b.mu.Lock()
	b.items = append(items, b.items...)
	b.mu.Unlock()
	b.wake()
}

// Take removes all items and returns them, the oldest first. spare is a slice that the reader no
// longer needs, such as the result of an earlier Take, or nil. The Inbox reuses it for the next
// items. If there are no items, Take returns spare itself, with length 0. Elements of spare are not
// cleared.
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
