package loop

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// A journal writes what the log is told of those that come and go. A crowd
// must not fill it: of each kind the first few of a second have a line, the rest
// are counted. At the debug level everybody has one.
type eventLog struct {
	log            *slog.Logger
	all            bool // the log wants to know everything
	connects       throttle
	ends           throttle
	skips          throttle
	replyTimeouts  throttle
	failedReads    throttle
	endsSuppressed [reasons]int
	rejected       [rejectReasons]int
}

func newEventLog(log *slog.Logger) eventLog {
	return eventLog{log: log, all: log.Enabled(context.Background(), slog.LevelDebug)}
}

func (e *eventLog) connected(s *subscriber) {
	if e.all || e.connects.allow(s.openedSec) {
		e.log.Info("CONNECT", "client", nameOf(s.conn, s.info.forwardedAddr()), "subscription", s.audience.set.Key(), "agent", s.info.userAgent())
	}
}

// ended tells how a stream ended and what it was.
func (e *eventLog) ended(s *subscriber, l *loop) {
	if !e.all && !e.ends.allow(l.seconds()) {
		e.endsSuppressed[s.reason]++
		return
	}
	level := slog.LevelInfo
	if s.reason.ours() {
		level = slog.LevelWarn
	}
	stream := s.audience.stream
	e.log.Log(context.Background(), level, "DISCONNECT", "reason", s.reason.String(),
		"client", nameOf(s.conn, s.info.forwardedAddr()), "subscription", s.audience.set.Key(),
		"age", time.Duration(l.seconds()-s.openedSec)*time.Second,
		"messages", stream.Read(&s.cursor)-s.joined, "behind_bytes", stream.Lag(&s.cursor))
}

// skipped tells that a subscriber was passed over to the newest message.
func (e *eventLog) skipped(s *subscriber, passed uint64, l *loop) {
	if e.all || e.skips.allow(l.seconds()) {
		e.log.Warn("a subscriber reads too slowly; it goes on with the newest message, and is told of the gap",
			"client", nameOf(s.conn, s.info.forwardedAddr()), "subscription", s.audience.set.Key(), "missed_messages", passed)
	}
}

// deaf tells of a publisher that is closed, since it does not read its replies.
func (e *eventLog) unreadReplies(p *publisher, l *loop) {
	if e.all || e.replyTimeouts.allow(l.seconds()) {
		e.log.Warn("a publisher does not read its replies and is closed; what it was told OK for is published",
			"client", nameOf(p.conn, netip.Addr{}), "unread_bytes", len(p.unsent), "after", l.opts.ReplyTimeout)
	}
}

// unread tells of a read of the store that failed.
func (e *eventLog) readFailed(f *flight, l *loop) {
	if e.all || e.failedReads.allow(l.seconds()) {
		e.log.Warn("what subscribers missed cannot be read from the store; they are told to come back",
			"subscribers", len(f.who), "err", f.err)
	}
}

// heldBack comes once a second and tells how many lines were not written.
func (e *eventLog) flushSuppressed(l *loop) {
	if n := e.connects.rest(); n > 0 {
		e.log.Info("more subscribers connected", "subscribers", n)
	}
	if n := e.skips.rest(); n > 0 {
		e.log.Warn("more subscribers read too slowly and were passed over to the newest message", "subscribers", n)
	}
	if n := e.replyTimeouts.rest(); n > 0 {
		e.log.Warn("more publishers do not read their replies and are closed", "publishers", n)
	}
	if n := e.failedReads.rest(); n > 0 {
		e.log.Warn("more cannot be read from the store", "reads", n)
	}
	if n := e.ends.rest(); n > 0 {
		e.log.Info("more subscribers ended", append([]any{"subscribers", n}, byReason(e.endsSuppressed)...)...)
		e.endsSuppressed = [reasons]int{}
	}
	for cause, n := range e.rejected {
		if n > 0 {
			e.log.Warn("connections were turned away", "connections", n, "because", rejectReason(cause).String(),
				"subscribers", l.stats.Subscribers, "visitors", l.stats.PendingConnections, "publishers", l.stats.Publishers)
		}
	}
	e.rejected = [rejectReasons]int{}
}

// byReason lists the counts that are not zero, as slog has them.
func byReason(counts [reasons]int) (attrs []any) {
	for why, n := range counts {
		if n > 0 {
			attrs = append(attrs, reason(why).String(), n)
		}
	}
	return attrs
}
