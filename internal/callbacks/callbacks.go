// Package callbacks calls a program's functions for things that begin and end, such as subscribers.
// The type T describes one of them at one point in time.
//
// The one invariant: for each thing, either both functions are called, Began before Ended, or
// neither. If neither is called, Missed gets the count.
package callbacks

import (
	"sync/atomic"

	"github.com/ssed/ssed/internal/inbox"
)

// Funcs are the program's functions. One goroutine calls them, one at a time. Each may be nil.
type Funcs[T any] struct {
	Began  func(T)
	Ended  func(T, string)        // with the reason
	Missed func(began, ended int) // how many calls were dropped since its last call
}

// A Queue holds pending calls in order. Reporting to a Queue never blocks.
//
// Memory is bounded because Admit refuses new things while max calls are pending. The call of Ended
// for an admitted thing is never refused. So in the worst case, when the functions never return,
// max calls are pending, and in addition one call of Ended for each thing that was reported before.
//
//	Admit, Began ─┐
//	Ended ────────┼─► reports ─► Run ─► Funcs
//	MissedEnd ────┘
//
// Methods may be called from any goroutine. The reports about one thing must arrive in order, so
// one goroutine should make them.
type Queue[T any] struct {
	funcs   Funcs[T]
	max     int
	reports *inbox.Inbox[report[T]]
	wake    chan struct{} // has a value when Run must check for work

	// pending counts the calls that were not made or have not returned. put adds to it, and Run
	// subtracts.
	pending     atomic.Int64
	missedBegan atomic.Int64
	missedEnded atomic.Int64
	ending      atomic.Bool
	abandoned   atomic.Bool
	done        chan struct{} // closed when Run has returned
}

// A report is one pending call.
type report[T any] struct {
	of     T
	ended  bool
	reason string
}

// New returns a Queue for up to max pending calls. It returns nil if all functions are nil.
func New[T any](funcs Funcs[T], max int) *Queue[T] {
	if funcs.Began == nil && funcs.Ended == nil && funcs.Missed == nil {
		return nil
	}
	q := &Queue[T]{funcs: funcs, max: max, wake: make(chan struct{}, 1), done: make(chan struct{})}
	q.reports = inbox.New[report[T]](q.notify)
	return q
}

// notify makes Run check for work.
func (q *Queue[T]) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Admit reports whether there is room for the calls of a new thing. If not, it counts the thing as
// missed. Then the caller must not call Began or Ended for it, but MissedEnd when it ends.
func (q *Queue[T]) Admit() bool {
	if q.pending.Load() < int64(q.max) {
		return true
	}
	q.missedBegan.Add(1)
	q.notify() // Run may just have made the last pending call, and would sleep
	return false
}

// Began reports the beginning of a thing. Admit must have returned true for it.
func (q *Queue[T]) Began(of T) { q.put(report[T]{of: of}) }

// Ended reports the end of a thing. Began must have been called for it.
func (q *Queue[T]) Ended(of T, reason string) { q.put(report[T]{of, true, reason}) }

// MissedEnd counts the end of a thing for which Admit returned false.
func (q *Queue[T]) MissedEnd() {
	q.missedEnded.Add(1)
	q.notify()
}

func (q *Queue[T]) put(r report[T]) {
	q.pending.Add(1)
	q.reports.Put(r)
}

// Pending returns how many calls were not made or have not returned. It returns 0 if q is nil.
func (q *Queue[T]) Pending() int {
	if q == nil {
		return 0
	}
	return int(q.pending.Load())
}

// spareMax limits the capacity of the buffer that is kept for the next reports.
const spareMax = 1024

// Run makes the calls until Finish.
func (q *Queue[T]) Run() {
	defer close(q.done)
	var batch []report[T]
	for {
		if cap(batch) > spareMax {
			batch = nil // it grew because many things began or ended together
		}
		ending := q.ending.Load()
		// Missed must not run before the reports that preceded the misses, so the counts are read
		// before the reports are taken. Ends are read before beginnings, so that Missed never gets
		// an end without its beginning.
		ended := int(q.missedEnded.Swap(0))
		began := int(q.missedBegan.Swap(0))
		batch = q.reports.Take(batch)
		for i := range batch {
			if q.abandoned.Load() {
				return
			}
			q.call(&batch[i])
			batch[i] = report[T]{}
			q.pending.Add(-1)
		}
		switch {
		case began+ended > 0:
			if q.funcs.Missed != nil && !q.abandoned.Load() {
				q.funcs.Missed(began, ended)
			}
		case len(batch) > 0:
		case ending:
			return
		default:
			<-q.wake
		}
	}
}

func (q *Queue[T]) call(r *report[T]) {
	switch {
	case r.ended && q.funcs.Ended != nil:
		q.funcs.Ended(r.of, r.reason)
	case !r.ended && q.funcs.Began != nil:
		q.funcs.Began(r.of)
	}
}

// Finish waits for the remaining calls until deadline is closed. Then it drops the calls that were
// not made, and returns false if Run has not returned. Run must have been started, and no reports
// may follow.
func (q *Queue[T]) Finish(deadline <-chan struct{}) (finished bool) {
	q.ending.Store(true)
	q.notify()
	select {
	case <-q.done:
		return true
	case <-deadline:
	}
	q.abandoned.Store(true)
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}
