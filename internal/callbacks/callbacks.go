// Package callbacks calls a program's functions for things that begin and end, such as
// subscribers. It knows nothing of what they are: T describes one at one moment.
//
// The one invariant: for each thing either both functions are called, Began before Ended,
// or neither, and then Missed gets the number.
package callbacks

import (
	"sync/atomic"

	"github.com/ssed/ssed/internal/inbox"
)

// Funcs are the program's functions. One goroutine calls them, one after the other. Each
// may be nil.
type Funcs[T any] struct {
	Began  func(T)
	Ended  func(T, string)        // with the reason
	Missed func(began, ended int) // how many were not reported since its last call
}

// A Queue holds the calls that are to be made, in order. Whoever reports does not wait.
//
// Memory is bounded by refusing the first call of a pair, never the second. So at most
// the limit of New wait, and one more for each thing that was reported to have begun when
// the functions stopped returning.
//
//	Admit, Began ─┐
//	Ended ────────┼─► reports ─► Run ─► Funcs
//	MissedEnd ────┘
//
// Methods may be called from any goroutine. The reports about one thing must come in
// order, so one goroutine makes them.
type Queue[T any] struct {
	funcs   Funcs[T]
	max     int
	reports *inbox.Inbox[report[T]]
	wake    chan struct{} // has a value when Run must look

	pending     atomic.Int64 // reports that are not called, or have not returned
	missedBegan atomic.Int64
	missedEnded atomic.Int64
	ending      atomic.Bool
	abandoned   atomic.Bool
	done        chan struct{} // closed when Run has returned
}

// A report is one call that is to be made.
type report[T any] struct {
	of     T
	ended  bool
	reason string
}

// New returns a Queue in which up to max reports may wait, or nil if no function is set.
func New[T any](funcs Funcs[T], max int) *Queue[T] {
	if funcs.Began == nil && funcs.Ended == nil && funcs.Missed == nil {
		return nil
	}
	q := &Queue[T]{funcs: funcs, max: max, wake: make(chan struct{}, 1), done: make(chan struct{})}
	q.reports = inbox.New[report[T]](q.notify)
	return q
}

// notify makes Run look again.
func (q *Queue[T]) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Admit reports whether there is room to report a new thing. If not, the thing is
// counted as missed: do not call Began or Ended for it, but MissedEnd when it ends.
func (q *Queue[T]) Admit() bool {
	if q.pending.Load() < int64(q.max) {
		return true
	}
	q.missedBegan.Add(1)
	q.notify() // the last of the calls that waited may just have been made
	return false
}

// Began reports a thing that Admit has admitted.
func (q *Queue[T]) Began(of T) { q.put(report[T]{of: of}) }

// Ended reports the end of a thing whose beginning was reported.
func (q *Queue[T]) Ended(of T, reason string) { q.put(report[T]{of, true, reason}) }

// MissedEnd counts the end of a thing that Admit has not admitted.
func (q *Queue[T]) MissedEnd() {
	q.missedEnded.Add(1)
	q.notify()
}

func (q *Queue[T]) put(r report[T]) {
	q.pending.Add(1)
	q.reports.Put(r)
}

// Pending returns how many calls are to be made or have not returned. It is 0 for nil.
func (q *Queue[T]) Pending() int {
	if q == nil {
		return 0
	}
	return int(q.pending.Load())
}

// spareMax is how large a buffer is kept for the next reports.
const spareMax = 1024

// Run makes the calls until Finish.
func (q *Queue[T]) Run() {
	defer close(q.done)
	var batch []report[T]
	for {
		if cap(batch) > spareMax {
			batch = nil // a crowd has come or gone
		}
		ending := q.ending.Load()
		// What was counted before a report is told after it or with it: so the counts are
		// read first, and the ends before the beginnings.
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

// Finish waits for the last calls, until deadline is closed. Then it abandons the calls
// that are not made, and returns false if there may be some. No reports may come any
// more. Run must have been started.
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
