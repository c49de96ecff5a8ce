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
type journal struct {
	log      *slog.Logger
	all      bool // the log wants to know everything
	connects throttle
	ends     throttle
	skips    throttle
	deafs    throttle
	unreads  throttle
	endsHeld [reasons]int
	turned   [turneds]int
}

func newJournal(log *slog.Logger) journal {
	return journal{log: log, all: log.Enabled(context.Background(), slog.LevelDebug)}
}

func (j *journal) connected(s *subscriber) {
	if j.all || j.connects.allow(s.openedSec) {
		j.log.Info("CONNECT", "client", nameOf(s.conn, s.who.told()), "subscription", s.audience.set.Key(), "agent", s.who.agentName())
	}
}

// ended tells how a stream ended and what it was.
func (j *journal) ended(s *subscriber, l *loop) {
	if !j.all && !j.ends.allow(l.seconds()) {
		j.endsHeld[s.reason]++
		return
	}
	level := slog.LevelInfo
	if s.reason.ours() {
		level = slog.LevelWarn
	}
	stream := s.audience.stream
	j.log.Log(context.Background(), level, "DISCONNECT", "reason", s.reason.String(),
		"client", nameOf(s.conn, s.who.told()), "subscription", s.audience.set.Key(),
		"age", time.Duration(l.seconds()-s.openedSec)*time.Second,
		"messages", stream.Read(&s.cursor)-s.joined, "behind_bytes", stream.Lag(&s.cursor))
}

// skipped tells that a subscriber was passed over to the newest message.
func (j *journal) skipped(s *subscriber, passed uint64, l *loop) {
	if j.all || j.skips.allow(l.seconds()) {
		j.log.Warn("a subscriber reads too slowly; it goes on with the newest message, and is told of the gap",
			"client", nameOf(s.conn, s.who.told()), "subscription", s.audience.set.Key(), "missed_messages", passed)
	}
}

// deaf tells of a publisher that is closed, since it does not read its replies.
func (j *journal) deaf(p *publisher, l *loop) {
	if j.all || j.deafs.allow(l.seconds()) {
		j.log.Warn("a publisher does not read its replies and is closed; what it was told OK for is published",
			"client", nameOf(p.conn, netip.Addr{}), "unread_bytes", len(p.unsent), "after", l.opts.ReplyTimeout)
	}
}

// unread tells of a read of the store that failed.
func (j *journal) unread(f *flight, l *loop) {
	if j.all || j.unreads.allow(l.seconds()) {
		j.log.Warn("what subscribers missed cannot be read from the store; they are told to come back",
			"subscribers", len(f.who), "err", f.err)
	}
}

// heldBack comes once a second and tells how many lines were not written.
func (j *journal) heldBack(l *loop) {
	if n := j.connects.rest(); n > 0 {
		j.log.Info("more subscribers connected", "subscribers", n)
	}
	if n := j.skips.rest(); n > 0 {
		j.log.Warn("more subscribers read too slowly and were passed over to the newest message", "subscribers", n)
	}
	if n := j.deafs.rest(); n > 0 {
		j.log.Warn("more publishers do not read their replies and are closed", "publishers", n)
	}
	if n := j.unreads.rest(); n > 0 {
		j.log.Warn("more cannot be read from the store", "reads", n)
	}
	if n := j.ends.rest(); n > 0 {
		j.log.Info("more subscribers ended", append([]any{"subscribers", n}, byReason(j.endsHeld)...)...)
		j.endsHeld = [reasons]int{}
	}
	for cause, n := range j.turned {
		if n > 0 {
			j.log.Warn("connections were turned away", "connections", n, "because", turned(cause).String(),
				"subscribers", l.stats.Subscribers, "visitors", l.stats.Visitors, "publishers", l.stats.Publishers)
		}
	}
	j.turned = [turneds]int{}
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
