package loop

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A report is one call of OnSubscribe or OnUnsubscribe that is to be made.
type report struct {
	of     SubscriberInfo
	ended  bool
	reason reason
}

// unreported counts subscribers that came, and that went, without a report.
type unreported struct{ came, went int }

// hooks tell the program around the server who subscribes and who goes. The loop
// writes a report and goes on; one goroutine calls, in the order of the reports.
//
// Memory is bounded by refusing the first report of a pair, never the second: if
// OnSubscribe was dropped for a subscriber, OnUnsubscribe is dropped too; otherwise both
// are always called. So at most ReportsMax wait, and one more for each subscriber that
// there was when the hooks stopped returning.
type hooks struct {
	subscribed   func(SubscriberInfo)
	unsubscribed func(SubscriberInfo, string)
	missing      func(came, went int)
	max          int

	suppressed int // subscribers without a report in this second; the loop's
	pending    atomic.Int64
	abandoned  atomic.Bool
	done       chan struct{} // closed when the last call has returned

	mu      sync.Mutex
	wake    sync.Cond
	waiting []report
	missed  unreported // what missing is to be told
	ending  bool
}

// newHooks is nil where there is nobody to tell.
func newHooks(o *Options) *hooks {
	if o.OnSubscribe == nil && o.OnUnsubscribe == nil && o.OnUnreported == nil {
		return nil
	}
	h := &hooks{
		subscribed:   o.OnSubscribe,
		unsubscribed: o.OnUnsubscribe,
		missing:      o.OnUnreported,
		max:          o.ReportsMax,
		done:         make(chan struct{}),
	}
	h.wake.L = &h.mu
	return h
}

// came reports a new subscriber, if there is room.
func (h *hooks) came(s *subscriber, l *loop) {
	if h == nil {
		return
	}
	if h.pending.Load() >= int64(h.max) {
		l.stats.Unreported++
		h.suppressed++
		h.miss(unreported{came: 1})
		return
	}
	s.marks |= announced
	h.put(report{of: s.describe(l)})
}

// went reports the end of a subscriber whose beginning was reported.
func (h *hooks) went(s *subscriber, l *loop) {
	switch {
	case s.marks&announced != 0:
		h.put(report{of: s.describe(l), ended: true, reason: s.reason})
	case h != nil:
		h.miss(unreported{went: 1})
	}
}

// miss counts what is not reported. It always wakes: the last of the calls that
// waited may just have been made.
func (h *hooks) miss(n unreported) {
	h.mu.Lock()
	h.missed.came += n.came
	h.missed.went += n.went
	h.wake.Signal()
	h.mu.Unlock()
}

func (h *hooks) put(r report) {
	h.pending.Add(1)
	h.mu.Lock()
	h.waiting = append(h.waiting, r)
	if len(h.waiting) == 1 {
		h.wake.Signal()
	}
	h.mu.Unlock()
}

// flushSuppressed logs, once a second, how many subscribers were not reported.
func (h *hooks) flushSuppressed(log *slog.Logger) {
	if h != nil && h.suppressed > 0 {
		log.Warn("subscribers came and were not reported to OnSubscribe: too many reports wait for the hooks to return",
			"subscribers", h.suppressed, "waiting", h.pending.Load())
		h.suppressed = 0
	}
}

// waits is how many calls are to be made.
func (h *hooks) waits() int {
	if h == nil {
		return 0
	}
	return int(h.pending.Load())
}

// run makes the calls, until the end.
func (h *hooks) run() {
	defer close(h.done)
	var batch []report
	for {
		var missed unreported
		if batch, missed = h.nextBatch(batch); len(batch) == 0 && missed == (unreported{}) {
			return
		}
		for i := range batch {
			if h.abandoned.Load() {
				return
			}
			h.call(&batch[i])
			batch[i] = report{}
			h.pending.Add(-1)
		}
		if missed != (unreported{}) && h.missing != nil && !h.abandoned.Load() {
			h.missing(missed.came, missed.went)
		}
	}
}

func (h *hooks) call(r *report) {
	switch {
	case r.ended && h.unsubscribed != nil:
		h.unsubscribed(r.of, r.reason.String())
	case !r.ended && h.subscribed != nil:
		h.subscribed(r.of)
	}
}

// reportsKept is how large a buffer is kept for the next reports.
const reportsKept = 1024

// nextBatch waits for reports. It returns none only at the end.
func (h *hooks) nextBatch(spare []report) (batch []report, missed unreported) {
	if cap(spare) > reportsKept {
		spare = nil // a crowd has come or gone
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.waiting) == 0 && h.missed == (unreported{}) && !h.ending {
		h.wake.Wait()
	}
	batch, h.waiting = h.waiting, spare[:0]
	missed, h.missed = h.missed, unreported{}
	return batch, missed
}

// finishHooksTime is how long a server that ended unasked waits for its hooks.
const finishHooksTime = 5 * time.Second

// finish waits for the last calls, once the loop has ended, until deadline is closed.
func (h *hooks) finish(deadline <-chan struct{}, log *slog.Logger) {
	if h == nil {
		return
	}
	h.mu.Lock()
	h.ending = true
	h.wake.Signal()
	h.mu.Unlock()
	select {
	case <-h.done:
	case <-deadline:
		h.abandoned.Store(true)
		select {
		case <-h.done:
		default:
			log.Warn("the hooks did not return before the server's end; the calls that waited are not made", "waiting", h.pending.Load())
		}
	}
}
