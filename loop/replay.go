package loop

import (
	"bytes"
	"sort"
	"time"

	"github.com/ssed/ssed/sse"
)

// replayBytesMax is how much of the history is read for one subscriber at a time:
// about what its socket takes.
const replayBytesMax = 64 << 10

// A replay is how far a subscriber has come in what it missed. Its cursor stands in
// the live stream all the while, where it joined: what is published meanwhile waits
// there, behind what is replayed, and no seam can open between the two.
type replay struct {
	after, until uint64 // it has what is up to after, and gets what is up to until
	told         uint64 // the newest lost message that it knows of
	earlier      *earlier
}

// replays are those of all subscribers.
type replays struct {
	of    map[*subscriber]*replay
	queue []*subscriber  // whose sockets would take more
	chunk []byte         // scratch: what one of them gets next
	ends  []sse.FrameEnd // scratch
}

// resume begins with what a new subscriber missed.
func (l *loop) resume(s *subscriber, missed resumption) {
	// Others were told already of what will be left out, if it is to come at all.
	if l.store.told > l.newest && l.store.Newest() > l.newest {
		if missed.gap == nil {
			missed.gap = &sse.Gap{Reason: sse.GapExpired, Asked: l.newestID(), Newest: l.idOf(l.store.told)}
		}
		missed.gap.CompleteAfter = l.idOf(l.store.told)
	}
	if missed.gap != nil {
		l.stats.Gaps++
		l.tellGap(s, *missed.gap)
	}
	if missed.after < missed.until || missed.earlier != nil {
		l.history.Mark(missed.until)
		l.replays.of[s] = &replay{missed.after, missed.until, missed.told, missed.earlier}
		l.stats.Replays++
		s.marks |= replaying
		s.audience.lagging++
	}
}

// tellGap has a gap's event sent before anything else.
func (l *loop) tellGap(s *subscriber, g sse.Gap) {
	if frame := l.appendGap(nil, g); len(frame) > 0 {
		l.prefixFor(s, frame)
	}
}

// replaySome sends s a part of what it missed, and tells whether that was the last.
// If not, s waits for its socket, or stands in the queue, or is closed.
func (l *loop) replaySome(s *subscriber) (done bool) {
	r, set := l.replays.of[s], s.audience.set.Members()
	if r.earlier != nil {
		return l.replayEarlier(s, r)
	}
	if lost := l.history.LostSince(set, r.after, l.wheel.now); lost > 0 && l.store.Store != nil {
		r.earlier = &earlier{until: lost, reason: sse.GapExpired, asked: []byte(l.idOf(r.after))}
		return l.replayEarlier(s, r)
	} else if lost > r.told {
		return l.fellBehind(s, r, lost)
	}
	chunk, ends := l.history.Read(l.replays.chunk[:0], l.replays.ends[:0], set, r.after, r.until, replayBytesMax)
	l.replays.chunk, l.replays.ends = chunk, ends
	n, ok := l.sendTo(s, chunk)
	if !ok {
		return false
	}
	l.replayed(s, r, chunk, ends, n)
	switch {
	case l.backlogBytes() > l.opts.BacklogTotalBytesMax: // by what was cut off for this one
		s.end(reasonEvicted)
		return false
	case n < len(chunk):
		l.block(s)
		return false
	case len(chunk) >= replayBytesMax:
		l.replays.queue = append(l.replays.queue, s)
		return false
	}
	delete(l.replays.of, s)
	s.marks &^= replaying
	s.audience.lagging--
	return true
}

// replayed notes that a socket has taken n bytes of the chunk. The rest of a frame
// that was cut is kept for s: by the time its socket takes more, the history may
// have let go of it.
func (l *loop) replayed(s *subscriber, r *replay, chunk []byte, ends []sse.FrameEnd, n int) {
	whole := sort.Search(len(ends), func(i int) bool { return ends[i].Offset > n })
	begin := 0
	if whole > 0 {
		begin, r.after = ends[whole-1].Offset, ends[whole-1].Seq
	}
	if n > begin {
		l.prefixFor(s, bytes.Clone(chunk[n:ends[whole].Offset]))
		r.after = ends[whole].Seq
		whole++
	}
	s.joined -= uint64(whole) // they count as delivered
	l.stats.Replayed += uint64(whole)
}

// fellBehind tells s that the history has let go of what it was still to get.
func (l *loop) fellBehind(s *subscriber, r *replay, lost uint64) bool {
	g := l.gap(sse.GapExpired, []byte(l.idOf(r.after)), s.audience.set.Members(), resumption{after: r.after, until: r.until, told: lost})
	l.stats.Gaps++
	r.told = lost
	l.tellGap(s, *g)
	return l.sendFirst(s)
}

// pumpReplays goes on with replays whose sockets take more, as far as this turn's
// budget goes. A part of a wide set can take a while, so the clock is asked for each.
func (l *loop) pumpReplays() {
	waiting := l.replays.queue
	n := 0
	for n < len(waiting) && l.budget.spend() && time.Now().Before(l.budget.until) {
		s := waiting[n]
		n++
		if s.conn != nil && s.marks&replaying != 0 && !s.blocked && l.sendFirst(s) {
			l.pump(s)
			if !s.audience.inRound {
				s.audience.rewind()
			}
		}
	}
	l.replays.queue = append(l.replays.queue[:0], l.replays.queue[n:]...)
}
