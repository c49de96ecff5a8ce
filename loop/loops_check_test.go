package loop_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// heard reports whether a session's set has a message.
func (m *loopsModel) heard(v *session, seq uint64) bool { return covers(v.set, m.truth[seq].namespace) }

// check compares a session with the truth.
func (m *loopsModel) check(v *session) error {
	position, covered := v.after, v.after
	var received []uint64
	for _, e := range v.events {
		switch {
		case e.covers > 0:
			if err := m.checkGap(v, e, position); err != nil {
				return err
			}
			covered = max(covered, e.covers)
			continue
		case e.seq <= position || e.seq < uint64(len(m.truth)) && !m.heard(v, e.seq):
			return fmt.Errorf("got message %d after %d", e.seq, position)
		}
		if position == 0 && !v.hasID && len(received) == 0 {
			if err := m.checkBefore(v, e.seq, 1); err != nil {
				return err
			}
		} else {
			for missing := position + 1; missing < min(e.seq, uint64(len(m.truth))); missing++ {
				if m.heard(v, missing) && missing > covered && (v.hasID || m.mustHave(v, missing) || v.contiguous()) {
					return fmt.Errorf("message %d (%+v) is missing between %d and %d; gap events cover %d", missing, m.truth[missing], position, e.seq, covered)
				}
			}
		}
		position = e.seq
		received = append(received, e.seq)
	}
	return m.checkLast(v, received)
}

// contiguous reports whether the messages of a session without an id follow each other without
// holes, because the history has all of the newest messages of its set.
func (v *session) contiguous() bool {
	return v.last >= 0 && !slices.Contains(v.set, "/aged") && !slices.Contains(v.set, "/aged/x") && !slices.Contains(v.set, "/") || v.set[0] == "/all"
}

// mustHave reports whether a message was certainly published after a session began, or within its
// "since".
func (m *loopsModel) mustHave(v *session, seq uint64) bool {
	x := m.truth[seq]
	return x.namespace != "/end" && int64(x.index) >= v.begun[x.publisher] ||
		v.since >= 0 && x.namespace == "/all" && x.at >= v.sent-v.since+10*time.Millisecond
}

// checkBefore checks that a session did not have to receive a message in a range.
func (m *loopsModel) checkBefore(v *session, until, from uint64) error {
	for seq := from; seq < min(until, uint64(len(m.truth))); seq++ {
		if m.heard(v, seq) && m.mustHave(v, seq) {
			return fmt.Errorf("message %d (%+v) is missing before %d, the first one", seq, m.truth[seq], until)
		}
	}
	return nil
}

// checkLast checks that a session with "last" has received at least so many messages from before
// its beginning, if there were that many and no gap event reports that some were dropped.
func (m *loopsModel) checkLast(v *session, received []uint64) error {
	if v.last <= 0 || !v.contiguous() || len(received) == 0 || len(received) < len(v.events) {
		return nil
	}
	before, sure := 0, 0
	for _, seq := range received {
		if seq >= uint64(len(m.truth)) {
			return nil // it has begun after the end
		}
		if x := m.truth[seq]; x.namespace == "/end" || int64(x.index) < v.begun[x.publisher] {
			before++
		}
	}
	for seq := uint64(1); seq <= uint64(max(0, v.returned-publishersOfModel)); seq++ {
		if m.heard(v, seq) {
			sure++
		}
	}
	if most := min(v.last, sure); before < min(most, len(received)) {
		return fmt.Errorf("got %d messages from before the request, want %d", before, most)
	}
	return nil
}

// checkGap checks that a gap event is true: the session does not receive its newest lost message,
// neither before nor after, and the history may have dropped that message at that moment.
func (m *loopsModel) checkGap(v *session, e sessionEvent, position uint64) error {
	lost := e.covers
	if e.capped { // the newest lost message may be newer than that
		for seq := position + 1; seq <= lost && seq < uint64(len(m.truth)); seq++ {
			if m.heard(v, seq) && !slices.ContainsFunc(v.events, func(e sessionEvent) bool { return e.seq == seq }) {
				return nil
			}
		}
		return fmt.Errorf("after message %d: a gap event up to %d, but no message is missing", position, lost)
	}
	if lost <= position || !m.heard(v, lost) || slices.ContainsFunc(v.events, func(e sessionEvent) bool { return e.seq == lost }) {
		return fmt.Errorf("after message %d: a false gap event up to %d", position, lost)
	}
	x, later := m.truth[lost], 0
	for seq := lost + 1; seq < min(uint64(len(m.truth)), uint64(e.begun)+1); seq++ {
		if m.truth[seq].namespace == x.namespace {
			later++
		}
	}
	if aged := strings.HasPrefix(x.namespace, "/aged") && e.at-x.at >= ageOfModel; later < keptOfModel && !aged || x.namespace == "/all" {
		return fmt.Errorf("a gap event up to %d: only %d later messages of %s were published, and it is %v old", lost, later, x.namespace, e.at-x.at)
	}
	return nil
}
