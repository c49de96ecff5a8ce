package loop

import (
	"log/slog"

	"github.com/ssed/ssed/internal/callbacks"
)

// hooks report subscribers that begin and end to the queue, which calls the program's
// functions on another goroutine. The loop does not wait for them. A nil *hooks reports
// nothing.
type hooks struct {
	queue      *callbacks.Queue[SubscriberInfo]
	suppressed int // subscribers without a report in this second
}

// newHooks returns nil if there is no queue.
func newHooks(queue *callbacks.Queue[SubscriberInfo]) *hooks {
	if queue == nil {
		return nil
	}
	return &hooks{queue: queue}
}

// subscribed reports a new subscriber, if there is room.
func (h *hooks) subscribed(s *subscriber, l *Loop) {
	if h == nil {
		return
	}
	if !h.queue.Admit() {
		l.stats.Unreported++
		h.suppressed++
		return
	}
	s.marks |= announced
	h.queue.Began(s.describe(l))
}

// ended reports the end of a subscriber whose beginning was reported.
func (h *hooks) ended(s *subscriber, l *Loop) {
	switch {
	case s.marks&announced != 0:
		h.queue.Ended(s.describe(l), s.reason.String())
	case h != nil:
		h.queue.MissedEnd()
	}
}

// flushSuppressed logs, once a second, how many subscribers were not reported.
func (h *hooks) flushSuppressed(log *slog.Logger) {
	if h != nil && h.suppressed > 0 {
		log.Warn("subscribers not reported to OnSubscribe",
			"subscribers", h.suppressed, "calls", h.queue.Pending())
		h.suppressed = 0
	}
}

// pending returns how many calls are to be made.
func (h *hooks) pending() int {
	if h == nil {
		return 0
	}
	return h.queue.Pending()
}
