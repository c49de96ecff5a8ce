package loop

import (
	"bytes"
	"sort"
	"time"

	"github.com/ssed/ssed/sse"
)

// A resumePoint is the place where a new subscriber starts. If its phase is not phaseLive, it
// starts with a replay. If gap is set, the gap event goes before everything else.
type resumePoint struct {
	replay
	gap      *sse.Gap // the messages that it cannot get; nil: no gap
	tooEarly bool     // the client has newer messages than this daemon or loop, and must retry soon
}

// A replay is the progress of a subscriber through the messages that it missed. During the replay,
// its cursor stays in the live stream, at the place where it joined. Messages that are published
// during the replay wait there, so none is lost or repeated between the replay and the stream:
//
//	numbers:  ··· after │ after+1 ··· until │ until+1 ···
//	          received  │ replay            │ live stream, from the cursor
type replay struct {
	phase        phase
	after, until uint64       // it has the messages up to after, and the replay ends with until
	reported     uint64       // the newest dropped message that needs no further gap event
	inStore      *storeReplay // for phaseStored and phaseAsking
}

// A phase is the source of a replay's next part.
//
//	subscribe ─┬─ id ahead of all known ids ─► asking ─┬─ the store has it ──► retry
//	           │  (store only)                         └─ it does not ─► gap ─► live
//	           │
//	           ├─ older than the window ─► stored ◄─┐
//	           │  (store only)                │     │ the window dropped some
//	           │                     all sent ▼     │ (store only)
//	           ├─ in the window ────────────► kept ─┘
//	           │                              │ all sent
//	           ├─ nothing missed ─────────────┴───────────────────────────────► live
//	           │
//	           └─ id ahead of this loop, but not of another one or the store ─► retry
//
//	asking, stored ── a read fails, the store starts a new epoch, or the server stops ─► retry
//	kept           ── the store starts a new epoch ────────────────────────────────────► retry
//
// retry means that the client gets a reconnection time and is disconnected. In each phase, a gap
// event goes before the frames that follow the gap. A live subscriber has no replay.
type phase uint8

const (
	phaseLive   phase = iota // the stream itself
	phaseKept                // the window
	phaseStored              // the Store
	phaseAsking              // none yet: the loop asks the Store whether it has the client's newest message
)

// A step is the next action of a replay.
type step struct {
	kind   stepKind
	gap    *sse.Gap
	frames []byte // valid until the next step
	ends   []sse.FrameEnd
	then   phase         // the phase after all frames are sent
	retry  time.Duration // the reconnection time for stepLeave
}

// A stepKind is what replaySome does with a step.
type stepKind uint8

const (
	stepFrames stepKind = iota // send frames
	stepGap                    // send a gap event
	stepWait                   // wait for a read of the Store, which queues the replay again
	stepLeave                  // send the reconnection time and disconnect
)

func gapStep(g *sse.Gap) step { return step{kind: stepGap, gap: g} }

// replays holds the replays of all subscribers.
type replays struct {
	of    map[*subscriber]*replay
	queue []*subscriber  // subscribers whose replay can continue
	chunk []byte         // scratch: the frames of the current step
	ends  []sse.FrameEnd // scratch
}

// replayBytesMax is how many bytes of history are read for one subscriber at a time. It is about as
// much as its socket accepts.
const replayBytesMax = 64 << 10

// startReplay starts to send the messages that a new subscriber missed. It queues the gap event, if
// there is one.
func (s *subscriber) startReplay(l *Loop, from resumePoint) {
	if from.gap != nil {
		l.stats.Gaps++
		s.queueGap(l, *from.gap)
	}
	if from.phase != phaseLive {
		r := from.replay // a copy, so that only subscribers with a replay use this memory
		l.replays.of[s] = &r
		l.stats.Replays++
		s.marks |= replaying
		s.audience.lagging++
	}
}

// queueGap makes a gap event the prefix of s.
func (s *subscriber) queueGap(l *Loop, g sse.Gap) {
	if frame := l.opts.appendGap(nil, g); len(frame) > 0 {
		s.prefixFor(l, frame)
	}
}

// appendGap appends a gap event to dst, unless gap events are disabled.
func (c *Config) appendGap(dst []byte, g sse.Gap) []byte {
	if c.NoGapEvent {
		return dst
	}
	return sse.AppendGap(dst, c.GapEvent, g)
}

// replaySome sends the next part of a replay, and reports whether it was the last part. If not, s
// waits for its socket, for the Store or in the replay queue, or is closed.
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
			return s.sendBeforeStream(l) // sends the gap event and calls replaySome again
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
			l.replays.queue = append(l.replays.queue, s) // other subscribers go first
			return false
		case r.phase == phaseKept:
			r.after, r.inStore = max(r.after, r.inStore.until), nil
		}
	}
}

// sendStep sends the frames of a step, and reports whether the socket accepted all of them. If not,
// s waits for its socket, or is closed.
func (s *subscriber) sendStep(l *Loop, r *replay, step step) bool {
	n, ok := s.sendTo(l, step.frames)
	if !ok {
		return false
	}
	s.replayed(l, r, step, n)
	switch {
	case l.mustEvict(0): // the rest of a cut frame counts
		s.end(reasonEvicted)
	case n < len(step.frames):
		s.block(l)
	default:
		return true
	}
	return false
}

// replayed records that the socket accepted n bytes of a step. If that cuts a frame, the rest of
// the frame becomes the prefix of s: when the socket accepts more, the history may have dropped the
// message.
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

// lostOf returns the newest message that the window has dropped since the replay began and that the
// replay had yet to send, or 0. The window has one mark for all replays, the end of the newest one.
// So the message that LostSince returns may lie after the end of r. Such messages are in the
// subscriber's stream; a read from the Store would send them twice. That is why the result is
// limited to r.until.
func (w *window) lostOf(r *replay, set []string, now uint32) uint64 {
	lost := min(w.kept.LostSince(set, r.after, now), r.until)
	if lost <= r.after {
		return 0
	}
	return lost
}

// readWindow returns a step with the next part of the window.
func (p *past) readWindow(r *replay, set []string) step {
	chunk, ends := p.window.kept.Read(p.replays.chunk[:0], p.replays.ends[:0], set, r.after, r.until, replayBytesMax)
	p.replays.chunk, p.replays.ends = chunk, ends
	then := phaseLive
	if len(chunk) >= replayBytesMax {
		then = phaseKept
	}
	return step{frames: chunk, ends: ends, then: then}
}

// pump continues queued replays within the budget of this turn. It checks the clock for each part,
// because reading a part of a wide set can take long.
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

// retryMidReplay closes s in the middle of its replay. It sends the reconnection time first, but
// only if the last byte sent was the end of a frame.
func (s *subscriber) retryMidReplay(l *Loop, after time.Duration, why reason) {
	if s.marks&(headHeld|prefixed) == 0 {
		l.frame = sse.AppendRetry(l.frame[:0], after.Milliseconds())
		_, _ = send(s.fd(), l.frame) // if it does not fit, the client uses its usual time
	}
	s.end(why)
}
