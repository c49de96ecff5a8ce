package loop

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/ssed/ssed/internal/throttle"
)

// observers reports the loop's connections to the operator's log and to the embedding program. It
// also returns memory to the system after a burst of connections.
type observers struct {
	eventLog  eventLog
	hooks     *hooks // nil: there are no hooks
	connBurst connBurst
}

// An eventLog logs events of connections. Of each kind of event, it logs the first few in each
// second and counts the rest, so that many events together do not fill the log. At the debug level
// it logs every event.
type eventLog struct {
	log            *slog.Logger
	debug          bool // the log's level is debug
	connects       throttle.Throttle
	ends           throttle.Throttle
	skips          throttle.Throttle
	replyTimeouts  throttle.Throttle
	failedReads    throttle.Throttle
	endsSuppressed [reasons]int
	rejected       [rejectReasons]int
}

func newEventLog(log *slog.Logger) eventLog {
	return eventLog{log: log, debug: log.Enabled(context.Background(), slog.LevelDebug)}
}

// connected logs a new subscriber.
func (e *eventLog) connected(s *subscriber) {
	if e.debug || e.connects.Allow(s.openedSec) {
		e.log.Info("subscriber connected", "client", nameOf(s.conn, s.info.forwardedAddr()),
			"namespaces", s.audience.set.Key(), "user_agent", s.info.userAgent())
	}
}

// ended logs why a stream ended, and its figures.
func (e *eventLog) ended(s *subscriber, l *Loop) {
	if !e.debug && !e.ends.Allow(l.seconds()) {
		e.endsSuppressed[s.reason]++
		return
	}
	level := slog.LevelInfo
	if s.reason.ours() {
		level = slog.LevelWarn
	}
	stream := s.audience.stream
	e.log.Log(context.Background(), level, "subscriber disconnected", "reason", s.reason.String(),
		"client", nameOf(s.conn, s.info.forwardedAddr()), "namespaces", s.audience.set.Key(),
		"age", time.Duration(l.seconds()-s.openedSec)*time.Second,
		"messages", stream.Read(&s.cursor)-s.deliveredBase, "behind_bytes", stream.Lag(&s.cursor))
}

// skipped logs that a subscriber was skipped to the newest message.
func (e *eventLog) skipped(s *subscriber, passed uint64, l *Loop) {
	if e.debug || e.skips.Allow(l.seconds()) {
		e.log.Warn("slow subscriber skipped to the newest message",
			"client", nameOf(s.conn, s.info.forwardedAddr()), "namespaces", s.audience.set.Key(), "missed_messages", passed)
	}
}

// unreadReplies logs a publisher that is closed because it did not read its replies.
func (e *eventLog) unreadReplies(p *publisher, l *Loop) {
	if e.debug || e.replyTimeouts.Allow(l.seconds()) {
		e.log.Warn("publisher closed for unread replies",
			"client", nameOf(p.conn, netip.Addr{}), "unread_bytes", len(p.unsent), "timeout", l.opts.ReplyTimeout)
	}
}

// readFailed logs a read of the Store that failed. Its subscribers are asked to retry.
func (e *eventLog) readFailed(f *storeRead, l *Loop) {
	if e.debug || e.failedReads.Allow(l.seconds()) {
		e.log.Warn("store read failed",
			"subscribers", len(f.waiting), "err", f.err)
	}
}

// flushSuppressed logs, once a second, how many events of each kind were not logged.
func (e *eventLog) flushSuppressed(l *Loop) {
	if n := e.connects.TakeSuppressed(); n > 0 {
		e.log.Info("more subscribers connected", "subscribers", n)
	}
	if n := e.skips.TakeSuppressed(); n > 0 {
		e.log.Warn("more slow subscribers skipped to the newest message", "subscribers", n)
	}
	if n := e.replyTimeouts.TakeSuppressed(); n > 0 {
		e.log.Warn("more publishers closed for unread replies", "publishers", n)
	}
	if n := e.failedReads.TakeSuppressed(); n > 0 {
		e.log.Warn("more store reads failed", "reads", n)
	}
	if n := e.ends.TakeSuppressed(); n > 0 {
		e.log.Info("more subscribers disconnected", append([]any{"subscribers", n}, byReason(e.endsSuppressed)...)...)
		e.endsSuppressed = [reasons]int{}
	}
	for cause, n := range e.rejected {
		if n > 0 {
			level := slog.LevelWarn
			if rejectReason(cause) == rejectAhead { // usual with several loops
				level = slog.LevelInfo
			}
			e.log.Log(context.Background(), level, "connections turned away", "connections", n, "reason", rejectReason(cause).String(),
				"subscribers", l.stats.Subscribers, "pending", l.stats.PendingConnections, "publishers", l.stats.Publishers)
		}
	}
	e.rejected = [rejectReasons]int{}
}

// byReason returns the counts that are not zero as attributes for slog.
func byReason(counts [reasons]int) (attrs []any) {
	for why, n := range counts {
		if n > 0 {
			attrs = append(attrs, reason(why).String(), n)
		}
	}
	return attrs
}
