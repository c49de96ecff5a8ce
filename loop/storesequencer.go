package loop

import (
	"bytes"
	"math"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/internal/history"
	"github.com/ssed/ssed/internal/inbox"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// storeSequencer is the sequencer of a daemon with a Store. A message that is published here goes
// to the Store, and is delivered when it returns with its number:
//
//	publisher ──► submit ──► Store ──► StoreSink ──► mailbox ──► receive ──► subscribers
//	    ▲                      │
//	    └── reply ◄── onWake ◄─┘ Ack
//
// With several loops, the StoreSink is the feed, so each loop receives all messages and control
// records. The publishers' loop waits for the acks: see batch.
//
// Acks and messages arrive separately, so a publisher may get its OK before or after the
// subscribers get the message. Messages of other daemons at the same Store arrive through the
// StoreSink, too.
//
// The first group of fields is shared with other goroutines. The loop owns the rest.
type storeSequencer struct {
	Store
	*storeFlow
	acks *inbox.Inbox[ack]
	wake func()

	isLive          bool   // all messages from before the daemon's start are delivered
	liveAt          uint32 // tick at which isLive was set
	undated         uint64 // messages up to this number were published before liveAt, at unknown times
	gapReported     uint64 // all subscribers got a gap event that covers the numbers up to this one
	missingUnlogged uint64 // missing messages that everySecond has yet to log
	allAcked        bool   // during a shutdown: every submission is acknowledged
	allAckedAt      uint32 // tick at which allAcked was set
	reads           storeReads
	spareAcks       []ack
}

// A storeFlow counts the messages on their way to the Store and back, for all loops together. Any
// goroutine may use it.
type storeFlow struct {
	unacked  atomic.Int64  // messages that are submitted and not acknowledged
	acked    atomic.Uint64 // the largest number that was acknowledged
	stopping atomic.Bool   // no more messages are submitted
}

// newStoreSequencer returns a storeSequencer with at most readsMax reads of the Store in progress.
// It calls wake to make the loop call onWake.
func newStoreSequencer(store Store, flow *storeFlow, readsMax int, wake func()) *storeSequencer {
	return &storeSequencer{Store: store, storeFlow: flow, acks: inbox.New[ack](wake), wake: wake, reads: newStoreReads(readsMax, wake)}
}

func (st *storeSequencer) full() bool { return st.Full() }
func (st *storeSequencer) live() bool { return st.isLive }
func (st *storeSequencer) close()     { st.reads.cancel() }

// stopAccepting makes submit fail. Messages that were submitted before return through the mailbox,
// so it stays open until all of them have returned.
func (st *storeSequencer) stopAccepting(*Loop) { st.stopping.Store(true) }

// receive handles one record from the Store: a message or a control record. Records arrive in the
// order in which the Store has called the methods of StoreSink.
func (st *storeSequencer) receive(l *Loop, r record) {
	w := &l.window
	switch {
	case len(r.namespace) > 0:
		if st.advance(l, r.seq) {
			l.publishRecord(r)
		}
	case r.frame[0] == controlSkip:
		if st.advance(l, r.seq) {
			w.newest++
		}
	case r.frame[0] == controlTrim:
		w.raise(min(r.seq, w.newest))
		st.reads.forgetBefore(r.seq)
	case r.frame[0] == controlLive:
		st.isLive, st.liveAt, st.undated = true, w.now(l.wheel.now), w.newest
	case r.frame[0] == controlBegin:
		st.beginEpoch(l, string(r.frame[1:]), r.seq)
	}
}

// advance prepares for the message with the number seq, and reports whether the message is new. If
// numbers before seq are missing, all subscribers get a gap event, since the namespaces of the
// missing messages are unknown. Before the server is live there are no subscribers, and a Store may
// have many such holes.
func (st *storeSequencer) advance(l *Loop, seq uint64) bool {
	w := &l.window
	if seq <= w.newest {
		return false
	}
	if lost := seq - 1; lost > w.newest {
		after := w.newest
		w.newest = lost
		w.raise(lost)
		if st.isLive && lost > st.gapReported {
			st.reportMissing(l, after)
		}
	}
	return true
}

// reportMissing sends a gap event to all subscribers because numbers from after+1 on are missing.
// The event covers all numbers up to the Store's newest message. If a Store has dropped some
// messages, there are often many holes, and a gap event before each remaining message would be too
// much.
func (st *storeSequencer) reportMissing(l *Loop, after uint64) {
	w := &l.window
	st.gapReported = max(w.newest, st.Newest())
	st.missingUnlogged += w.newest - after
	until := w.idOf(st.gapReported)
	l.deliverToAll(sse.Gap{Reason: sse.GapExpired, Asked: w.idOf(after), Newest: until, CompleteAfter: until})
}

// everySecond logs how many messages reportMissing has reported.
func (st *storeSequencer) everySecond(l *Loop) {
	if st.missingUnlogged > 0 {
		l.log.Warn("store dropped undelivered messages",
			"messages", st.missingUnlogged, "sequence", l.window.newest)
		st.missingUnlogged = 0
	}
}

// beginEpoch starts an epoch after the number newest, and empties the window. It does nothing if
// the daemon is in this epoch already and has no larger number.
func (st *storeSequencer) beginEpoch(l *Loop, epoch string, newest uint64) {
	w := &l.window
	if epoch == w.epoch && newest >= w.newest {
		return
	}
	asked := w.newestID()
	again := w.epoch != ""
	if w.shared == nil {
		w.kept = keepAll(l.opts.HistoryBytesMax)
	} else {
		w.acquire() // forgets the old history
		w.release()
	}
	st.reads.forgetBefore(math.MaxUint64)
	// The messages that these subscribers miss no longer exist under their numbers.
	for s := range l.replays.of {
		s.retryMidReplay(l, l.opts.retryTime(), reasonStore)
	}
	w.epoch, w.newest = epoch, newest
	st.gapReported, st.undated = 0, newest
	w.raise(newest)
	l.indexChanged()
	if again {
		l.log.Warn("store lost its messages", "epoch", epoch, "sequence", newest)
		l.deliverToAll(sse.Gap{Reason: sse.GapEpoch, Asked: asked, Newest: w.newestID(), CompleteAfter: w.newestID()})
	}
}

// keepAll returns an empty history that keeps as many messages as fit.
func keepAll(bytesMax int) *history.History {
	return history.New(bytesMax, func(string) history.Retention { return history.Retention{Messages: math.MaxInt} })
}

// settleTime is how long a shutdown waits for acknowledged messages to return from the Store. A
// subscriber that is disconnected without them gets them after it reconnects.
const settleTime = time.Second

// settled reports whether all acknowledged messages have returned, or settleTime has passed. It
// then closes the mailbox.
func (st *storeSequencer) settled(l *Loop) bool {
	switch {
	case st.unacked.Load() > 0:
		return false
	case l.window.newest >= st.acked.Load():
	case !st.allAcked:
		st.allAcked, st.allAckedAt = true, l.wheel.now
		return false
	case l.wheel.now-st.allAckedAt < ticks(settleTime):
		return false
	}
	l.closeMailbox()
	return true
}

// A storeReplay is the part of a replay that is read from the Store.
type storeReplay struct {
	until     uint64 // the window continues after this; in phaseAsking: the client's number
	reason    string // the reason of a gap, if there is one
	clientID  []byte // the id that the client sent
	alwaysGap bool   // there is a gap in any case
	last      int    // see Query
	since     time.Time
	part      *Part // the part that was read and is sent next
	err       error
}

// resume starts in the window if it has all messages that the subscriber needs, and in the Store
// otherwise.
func (st *storeSequencer) resume(l *Loop, ask subreq.Resume, set nsindex.Set) resumePoint {
	w := &l.window
	defer w.release()
	if !w.acquire() {
		return resumePoint{tooEarly: true}
	}
	p := st.find(l, &ask, set.Members())
	// Other subscribers already got a gap event for numbers that have yet to arrive, so this one
	// gets it too.
	if st.gapReported > w.newest && st.Newest() > w.newest {
		if p.gap == nil {
			p.gap = &sse.Gap{Reason: sse.GapExpired, Asked: w.newestID(), Newest: w.idOf(st.gapReported)}
		}
		p.gap.CompleteAfter = w.idOf(st.gapReported)
	}
	return p
}

// find returns the resume point without regard to gaps that were already reported.
func (st *storeSequencer) find(l *Loop, ask *subreq.Resume, set []string) resumePoint {
	w, now := &l.window, l.window.now(l.wheel.now)
	status, seq := w.classify(ask.ID)
	if status == idAhead {
		if seq <= st.Newest() {
			return resumePoint{tooEarly: true}
		}
		// Another daemon may have newer messages than this one if this one is cut off from the
		// Store.
		w.kept.Mark(w.newest)
		e := &storeReplay{until: seq, clientID: bytes.Clone(ask.ID)}
		return resumePoint{replay: replay{phase: phaseAsking, after: seq, until: w.newest, inStore: e}}
	}
	b := w.findStart(status, seq, ask, set, now)
	lost := w.lostAfter(set, b.after, now)
	if b.bySince {
		if undated := st.undatedUntil(w, set, sinceTick(ask, now), b.after, now); undated > 0 {
			b.after, lost = 0, undated
		}
	}
	if lost == 0 || b.after >= w.newest {
		return w.fromMemory(b, ask, set, lost)
	}
	w.kept.Mark(w.newest)
	e := &storeReplay{until: lost, reason: b.reason, alwaysGap: b.alwaysGap, clientID: bytes.Clone(ask.ID)}
	if status == idNone || status == idMalformed {
		e.copyStart(ask)
	}
	return resumePoint{replay: replay{phase: phaseStored, after: b.after, until: w.newest, inStore: e}}
}

// copyStart copies "last" or "since" of a request.
func (e *storeReplay) copyStart(ask *subreq.Resume) {
	switch {
	case ask.Last > 0 && ask.Last <= lastMax:
		e.last = ask.Last
	case ask.Last < 0 && ask.Since >= 0:
		// Rounded like the times in the window, so that clients that arrive together share a read.
		e.since = time.Now().Add(-ask.Since).Truncate(tick)
	}
}

// undatedUntil returns the last number with a publish time that only the Store knows, or 0 if the
// window alone can resolve "since". after is the start point that the window has found. The window
// lacks the times of two kinds of messages. Of messages from before this daemon was live, it only
// knows that they are older than that. Of dropped messages, it only knows that they are older than
// a kept one.
func (st *storeSequencer) undatedUntil(w *window, set []string, at uint32, after uint64, now uint32) uint64 {
	lost := w.lostAfter(set, 0, now)
	if at <= st.liveAt {
		return max(lost, st.undated)
	}
	if oldest, ok := w.kept.Oldest(set, lost); ok && oldest <= after {
		return 0
	}
	return lost
}

// next returns the next step in the replay's phase. Messages that the window has dropped since the
// replay began may still be in the Store, so a replay from the window can go back to the Store.
func (st *storeSequencer) next(l *Loop, s *subscriber, r *replay) step {
	w, set := &l.window, s.audience.set.Members()
	defer w.release()
	if !w.acquire() {
		return step{kind: stepLeave, retry: l.opts.retryTime()}
	}
	if r.phase == phaseKept {
		lost := w.lostOf(r, set, w.now(l.wheel.now))
		if lost == 0 {
			return l.readWindow(r, set)
		}
		r.phase = phaseStored
		r.inStore = &storeReplay{until: lost, reason: sse.GapExpired, clientID: []byte(w.idOf(r.after))}
	}
	e := r.inStore
	switch {
	case e.part == nil:
		st.read(l, s, r)
		return step{kind: stepWait}
	case e.err != nil:
		return step{kind: stepLeave, retry: l.opts.retryTime()}
	case r.phase == phaseAsking:
		return st.afterAsking(w, set, r)
	}
	return st.sendPart(w, set, r)
}

// sendPart returns the steps for a part that was read: first the gap event, if there is a gap, and
// in the next call the frames.
func (st *storeSequencer) sendPart(w *window, set []string, r *replay) step {
	e, part := r.inStore, r.inStore.part
	r.after = max(r.after, part.After)
	if e.alwaysGap || e.reason != "" && part.Lost > r.reported {
		g := w.gap(e.reason, e.clientID, set, e.until, r.until, part.Lost)
		if len(part.Ends) > 0 {
			g.Oldest = w.idOf(part.Ends[0].Seq)
		}
		e.alwaysGap, e.reason, r.reported = false, sse.GapExpired, max(r.reported, part.Lost)
		return gapStep(g)
	}
	r.reported = max(r.reported, part.Lost)
	e.last, e.since, e.part = 0, time.Time{}, nil
	if e.reason == "" { // the start is known now, so messages lost from here on are a gap
		e.reason, e.clientID = sse.GapExpired, []byte(w.idOf(r.after))
	}
	then := phaseStored
	if part.Last {
		then = phaseKept
	}
	return step{frames: part.Frames, ends: part.Ends, then: then}
}

// afterAsking returns the step that follows once the Store has reported its newest message. If the
// Store has the message of the client's id, the client reconnected a moment too early. If not, the
// message cannot have existed, so the client's id is treated as malformed.
func (st *storeSequencer) afterAsking(w *window, set []string, r *replay) step {
	e := r.inStore
	if e.part.Newest >= e.until {
		return step{kind: stepLeave, retry: retrySoon()}
	}
	r.phase, r.inStore, r.after = phaseKept, nil, r.until
	return gapStep(w.gap(sse.GapMalformed, e.clientID, set, r.until, r.until, 0))
}
