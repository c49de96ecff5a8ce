package loop

import (
	"bytes"
	"sort"
	"time"

	"github.com/ssed/ssed/sse"
)

// A resumePoint is where a new subscriber begins: with a replay, unless that is live, after
// the report of a gap, if there is one.
type resumePoint struct {
	replay
	gap      *sse.Gap // what it cannot have; nil: it can have all
	tooEarly bool     // it has more than this daemon has yet, and must come back
}

// A replay is how far a subscriber has come in what it missed. Its cursor stands in the
// live stream all the while, where it joined: what is published meanwhile waits there,
// behind what is replayed, and no seam can open between the two.
type replay struct {
	phase        phase
	after, until uint64       // it has what is up to after, and gets what is up to until
	reported     uint64       // the newest lost message that it knows of, or need not know of
	inStore      *storeReplay // for phaseStored and phaseAsking
}

// A phase says where the next part of a replay comes from.
//
//	subscribe ─┬─ id ahead of all that we know ─► asking ─┬─ the store has it ─► come back
//	           │  (store only)                            └─ it has not ─► gap ─► live
//	           │
//	           ├─ older than the window ─► stored ◄─┐
//	           │  (store only)                │     │ the window dropped some
//	           │                     all sent ▼     │ (store only)
//	           ├─ in the window ────────────► kept ─┘
//	           │                              │ all sent
//	           ├─ nothing missed ─────────────┴─────────────────────────────────► live
//	           │
//	           └─ id ahead of us, but not of the store ─────────────────────► come back
//
//	asking, stored ─── a read fails, the store begins a new epoch, or the server ends ─► come back
//	kept           ─── the store begins a new epoch ───────────────────────────────────► come back
//
// Each phase reports a gap before the frames that follow it. A subscriber that is live has
// no replay.
type phase uint8

const (
	phaseLive   phase = iota // its stream
	phaseKept                // the window
	phaseStored              // the store
	phaseAsking              // nowhere: the store is asked whether it has the client's newest message
)

// A step is what a replay does next.
type step struct {
	kind   stepKind
	gap    *sse.Gap
	frames []byte // dies with the next step
	ends   []sse.FrameEnd
	then   phase         // once all frames are sent
	retry  time.Duration // the client's reconnection time
}

type stepKind uint8

const (
	stepFrames stepKind = iota // send frames
	stepGap                    // report gap
	stepWait                   // the store is being read: go on when it was
	stepLeave                  // tell the client to come back after retry
)

func gapStep(g *sse.Gap) step { return step{kind: stepGap, gap: g} }

// replays are those of all subscribers.
type replays struct {
	of    map[*subscriber]*replay
	queue []*subscriber  // whose sockets would take more
	chunk []byte         // scratch: what one of them gets next
	ends  []sse.FrameEnd // scratch
}

// replayBytesMax is how much of the history is read for one subscriber at a time: about
// as much as its socket takes.
const replayBytesMax = 64 << 10

// startReplay begins to send what a new subscriber missed.
func (s *subscriber) startReplay(l *Loop, from resumePoint) {
	if from.gap != nil {
		l.stats.Gaps++
		s.queueGap(l, *from.gap)
	}
	if from.phase != phaseLive {
		l.window.kept.Mark(from.until)
		r := from.replay // so that only a replay takes memory
		l.replays.of[s] = &r
		l.stats.Replays++
		s.marks |= replaying
		s.audience.lagging++
	}
}

// queueGap has a gap's event sent before anything else.
func (s *subscriber) queueGap(l *Loop, g sse.Gap) {
	if frame := l.opts.appendGap(nil, g); len(frame) > 0 {
		s.prefixFor(l, frame)
	}
}

// appendGap appends a gap's event, unless they are switched off.
func (c *Config) appendGap(dst []byte, g sse.Gap) []byte {
	if c.NoGapEvent {
		return dst
	}
	return sse.AppendGap(dst, c.GapEvent, g)
}

// replaySome sends s the next part of what it missed, and reports whether that was the
// last. If not, s waits for its socket or for the store, or stands in the queue, or is
// closed.
func (s *subscriber) replaySome(l *Loop) (done bool) {
	r := l.replays.of[s]
	for {
		step := l.sequencer.next(l, s, r)
		switch step.kind {
		case stepWait:
			return false
		case stepLeave:
			s.retryMidReplay(l, step.retry, reasonStore)
			return false
		case stepGap:
			l.stats.Gaps++
			s.queueGap(l, *step.gap)
			return s.sendBeforeStream(l) // which sends it, and comes back here
		}
		if !s.sendStep(l, r, step) {
			return false
		}
		from := r.phase
		r.phase = step.then
		switch {
		case r.phase == phaseLive:
			delete(l.replays.of, s)
			s.marks &^= replaying
			s.audience.lagging--
			return true
		case from == phaseKept: // there is more in the window
			l.replays.queue = append(l.replays.queue, s) // others have their turn first
			return false
		case r.phase == phaseKept:
			r.after, r.inStore = max(r.after, r.inStore.until), nil
		}
	}
}

// sendStep sends the frames of a step, and reports whether s has taken them all. If not,
// it waits for its socket, or is closed.
func (s *subscriber) sendStep(l *Loop, r *replay, step step) bool {
	n, ok := s.sendTo(l, step.frames)
	if !ok {
		return false
	}
	s.replayed(l, r, step, n)
	switch {
	case l.backlogBytes() > l.opts.BacklogTotalBytesMax: // because of what was cut off for this one
		s.end(reasonEvicted)
	case n < len(step.frames):
		s.block(l)
	default:
		return true
	}
	return false
}

// replayed notes that a socket has taken n bytes of a step. The rest of a frame that was
// cut is kept for s: by the time its socket takes more, the history may have dropped it.
func (s *subscriber) replayed(l *Loop, r *replay, step step, n int) {
	ends := step.ends
	whole := sort.Search(len(ends), func(i int) bool { return ends[i].Offset > n })
	begin := 0
	if whole > 0 {
		begin, r.after = ends[whole-1].Offset, ends[whole-1].Seq
	}
	if n > begin {
		s.prefixFor(l, bytes.Clone(step.frames[n:ends[whole].Offset]))
		r.after = ends[whole].Seq
		whole++
	}
	s.deliveredBase -= uint64(whole) // they count as delivered
	l.stats.Replayed += uint64(whole)
}

// lostOf returns the newest message that a replay has yet to send and that the window has
// dropped since the replay began, or 0. The mark of the window is that of the newest
// replay, so what it reports lost may lie after the end of this one. The subscriber gets
// those messages from its stream; to read them from the Store would send them twice.
func (w *window) lostOf(r *replay, set []string, now uint32) uint64 {
	lost := min(w.kept.LostSince(set, r.after, now), r.until)
	if lost <= r.after {
		return 0
	}
	return lost
}

// readWindow is the step that sends the next part of what the window has.
func (p *past) readWindow(r *replay, set []string) step {
	chunk, ends := p.window.kept.Read(p.replays.chunk[:0], p.replays.ends[:0], set, r.after, r.until, replayBytesMax)
	p.replays.chunk, p.replays.ends = chunk, ends
	then := phaseLive
	if len(chunk) >= replayBytesMax {
		then = phaseKept
	}
	return step{frames: chunk, ends: ends, then: then}
}

// pump continues replays whose sockets take more, within this turn's budget. A
// part of a wide set can take a while, so the clock is asked for each.
func (r *replays) pump(l *Loop) {
	waiting := r.queue
	n := 0
	for n < len(waiting) && l.budget.spend() && time.Now().Before(l.budget.until) {
		s := waiting[n]
		n++
		if s.conn != nil && s.marks&replaying != 0 && !s.blocked && s.sendBeforeStream(l) {
			s.pump(l)
			if !s.audience.inRound {
				s.audience.rewind()
			}
		}
	}
	r.queue = append(r.queue[:0], r.queue[n:]...)
}

// retryMidReplay closes s in the middle of its replay, and tells it when to come back, if it
// stands between two frames.
func (s *subscriber) retryMidReplay(l *Loop, after time.Duration, why reason) {
	if s.marks&(headHeld|prefixed) == 0 {
		l.frame = sse.AppendRetry(l.frame[:0], after.Milliseconds())
		_, _ = send(s.fd(), l.frame) // if it finds no room, s comes back after its usual time
	}
	s.end(why)
}
