package loop

import (
	"log/slog"

	"github.com/ssed/ssed/internal/callbacks"
)

// hooks reports subscribers that connect and disconnect to a queue, which all loops share. The
// queue calls the embedding program's functions on another goroutine, and no loop waits for them.
// The calls for one subscriber are in order, because one loop makes them. If OnSubscribe was
// dropped for a subscriber because too many calls were pending, OnUnsubscribe is dropped too. A nil
// *hooks reports nothing.
type hooks struct {
	queue      *callbacks.Queue[SubscriberInfo]
	suppressed int // subscribers without a report since the last flushSuppressed
}

// newHooks returns nil if queue is nil.
func newHooks(queue *callbacks.Queue[SubscriberInfo]) *hooks {
	if queue == nil {
		return nil
	}
	return &hooks{queue: queue}
}

// subscribed reports a new subscriber, if the queue has room.
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

// ended reports that a subscriber has disconnected, if subscribed has reported it.
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

// pending returns how many calls are queued or in progress, for all loops.
func (h *hooks) pending() int {
	if h == nil {
		return 0
	}
	return h.queue.Pending()
}
