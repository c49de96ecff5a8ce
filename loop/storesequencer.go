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

// storeSequencer is the sequencer of a daemon with a Store. A message goes to the Store when it is
// published here, and is delivered when it comes back with its number:
//
//	publisher ──► submit ──► Store ──► StoreSink ──► mailbox ──► receive ──► subscribers
//	    ▲                      │
//	    └── reply ◄── onWake ◄─┘ Ack
//
// The first group of fields is for other goroutines, too. The rest belongs to the loop.
type storeSequencer struct {
	Store
	unacked atomic.Int64  // messages submitted and not acknowledged
	acked   atomic.Uint64 // the largest number that a publisher got an OK for
	acks    *inbox.Inbox[ack]
	wake    func()

	isLive          bool   // what the Store had when the daemon started is delivered
	liveAt          uint32 // tick at which that was
	undated         uint64 // messages up to this one were published before liveAt, nobody knows when
	gapReported     uint64 // everybody was told of a gap up to this number
	missingUnlogged uint64 // messages that subscribers were told of, and the log was not yet
	allAcked        bool   // the server ends, and every submission is acknowledged
	allAckedAt      uint32 // tick at which that was seen
	reads           storeReads
	spareAcks       []ack
}

func newStored(store Store, wake func()) *storeSequencer {
	return &storeSequencer{Store: store, acks: inbox.New[ack](wake), wake: wake, reads: newStoreReads(wake)}
}

func (st *storeSequencer) full() bool { return st.Full() }
func (st *storeSequencer) live() bool { return st.isLive }
func (st *storeSequencer) close()     { st.reads.cancel() }

// stopAccepting does nothing: what was submitted comes back through the mailbox, which stays open
// until all of it has. See submit.
func (st *storeSequencer) stopAccepting(*Loop) {}

// receive handles one record from the Store.
func (st *storeSequencer) receive(l *Loop, r record) {
	w := &l.window
	switch {
	case len(r.namespace) > 0:
		if st.advance(l, r.seq) {
			l.publishFramed(r.namespace, r.frame)
		}
	case r.frame[0] == controlSkip:
		if st.advance(l, r.seq) {
			w.newest++
		}
	case r.frame[0] == controlTrim:
		w.kept.Raise(min(r.seq, w.newest))
		st.reads.forgetBefore(r.seq)
	case r.frame[0] == controlLive:
		st.isLive, st.liveAt, st.undated = true, l.wheel.now, w.newest
	case r.frame[0] == controlBegin:
		st.beginEpoch(l, string(r.frame[1:]), r.seq)
	}
}

// advance prepares for the message with a number, and reports whether it is a new one.
// Numbers that are left out are a gap for everybody: what their messages were about is
// not known. Before the server is live there is nobody to tell, and a stream may have
// many such holes.
func (st *storeSequencer) advance(l *Loop, seq uint64) bool {
	w := &l.window
	if seq <= w.newest {
		return false
	}
	if lost := seq - 1; lost > w.newest {
		after := w.newest
		w.newest = lost
		w.kept.Raise(lost)
		if st.isLive && lost > st.gapReported {
			st.reportMissing(l, after)
		}
	}
	return true
}

// reportMissing tells everybody that numbers after one were left out, once for all up to the
// Store's newest: where it has dropped some there are holes upon holes, and a gap before
// each message would drown them.
func (st *storeSequencer) reportMissing(l *Loop, after uint64) {
	w := &l.window
	st.gapReported = max(w.newest, st.Newest())
	st.missingUnlogged += w.newest - after
	until := w.idOf(st.gapReported)
	l.deliverToAll(sse.Gap{Reason: sse.GapExpired, Asked: w.idOf(after), Newest: until, CompleteAfter: until})
}

// everySecond logs what tellLeftOut has told subscribers.
func (st *storeSequencer) everySecond(l *Loop) {
	if st.missingUnlogged > 0 {
		l.log.Warn("store dropped undelivered messages",
			"messages", st.missingUnlogged, "sequence", l.window.newest)
		st.missingUnlogged = 0
	}
}

// beginEpoch starts a new epoch after the message with a number, unless the daemon is in it and
// has no more than that.
func (st *storeSequencer) beginEpoch(l *Loop, epoch string, newest uint64) {
	w := &l.window
	if epoch == w.epoch && newest >= w.newest {
		return
	}
	asked := w.newestID()
	again := w.epoch != ""
	w.kept = keepAll(l.opts.HistoryBytesMax)
	st.reads.forgetBefore(math.MaxUint64)
	// What they miss is gone with its numbers, which mean something else now.
	for s := range l.replays.of {
		s.retryMidReplay(l, l.opts.retryTime(), reasonStore)
	}
	w.epoch, w.newest = epoch, newest
	st.gapReported, st.undated = 0, newest
	w.kept.Raise(newest)
	l.indexChanged()
	if again {
		l.log.Warn("store lost its messages", "epoch", epoch, "sequence", newest)
		l.deliverToAll(sse.Gap{Reason: sse.GapEpoch, Asked: asked, Newest: w.newestID(), CompleteAfter: w.newestID()})
	}
}

// keepAll returns an empty history that keeps whatever there is room for.
func keepAll(bytesMax int) *history.History {
	return history.New(bytesMax, func(string) history.Retention { return history.Retention{Messages: math.MaxInt} })
}

// settleTime is how long messages may take to come back from the Store once their
// publishers got an OK. A subscriber that leaves without them gets them where it comes
// back.
const settleTime = time.Second

// settled reports whether all that was acknowledged has come back, or has had its time.
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
	l.mailbox.close()
	return true
}

// A storeReplay is the part of a replay that comes from the Store.
type storeReplay struct {
	until     uint64 // where the window takes over; when asking, the number of the client's id
	reason    string // why there is a gap, if there is one
	clientID  []byte // the id that the client came with
	alwaysGap bool   // there is a gap in any case
	last      int    // see Query
	since     time.Time
	part      *Part // read, and to be sent next
	err       error
}

// resume begins in the Store if the window lacks something, and otherwise in the window.
func (st *storeSequencer) resume(l *Loop, ask subreq.Resume, set nsindex.Set) resumePoint {
	w := &l.window
	p := st.find(l, &ask, set.Members())
	// Others were told already that messages will be left out, if they come at all.
	if st.gapReported > w.newest && st.Newest() > w.newest {
		if p.gap == nil {
			p.gap = &sse.Gap{Reason: sse.GapExpired, Asked: w.newestID(), Newest: w.idOf(st.gapReported)}
		}
		p.gap.CompleteAfter = w.idOf(st.gapReported)
	}
	return p
}

func (st *storeSequencer) find(l *Loop, ask *subreq.Resume, set []string) resumePoint {
	w, now := &l.window, l.wheel.now
	status, seq := w.classify(ask.ID)
	if status == idAhead {
		if seq <= st.Newest() {
			return resumePoint{tooEarly: true}
		}
		// Another daemon may know more than this one, if this one is cut off.
		e := &storeReplay{until: seq, clientID: bytes.Clone(ask.ID)}
		return resumePoint{replay: replay{phase: phaseAsking, after: seq, until: w.newest, inStore: e}}
	}
	b := w.findStart(status, seq, ask, set, now)
	lost := w.kept.Lost(set, b.after, now)
	if b.bySince {
		if undated := st.undatedUntil(w, set, sinceTick(ask, now), b.after, now); undated > 0 {
			b.after, lost = 0, undated
		}
	}
	if lost == 0 || b.after >= w.newest {
		return w.fromMemory(b, ask, set, lost)
	}
	e := &storeReplay{until: lost, reason: b.reason, alwaysGap: b.alwaysGap, clientID: bytes.Clone(ask.ID)}
	if status == idNone || status == idMalformed {
		e.copyStart(ask)
	}
	return resumePoint{replay: replay{phase: phaseStored, after: b.after, until: w.newest, inStore: e}}
}

// copyStart notes where a request wants to begin, if it says so.
func (e *storeReplay) copyStart(ask *subreq.Resume) {
	switch {
	case ask.Last > 0 && ask.Last <= lastMax:
		e.last = ask.Last
	case ask.Last < 0 && ask.Since >= 0:
		// Rounded like the times of the window, so that those who come at once share a read.
		e.since = time.Now().Add(-ask.Since).Truncate(tick)
	}
}

// undatedUntil returns the last number whose publishing time only the Store knows, or 0 if
// the window alone can answer "since", with what it has after a number. Of messages that
// were published before this daemon was live, it knows only that; and of those that it has
// dropped, that they are older than one that it has.
func (st *storeSequencer) undatedUntil(w *window, set []string, at uint32, after uint64, now uint32) uint64 {
	lost := w.kept.Lost(set, 0, now)
	if at <= st.liveAt {
		return max(lost, st.undated)
	}
	if oldest, ok := w.kept.Oldest(set, lost); ok && oldest <= after {
		return 0
	}
	return lost
}

// next goes on in the phase that the replay is in. What the window has dropped since the
// replay began, the Store may still have.
func (st *storeSequencer) next(l *Loop, s *subscriber, r *replay) step {
	w, set := &l.window, s.audience.set.Members()
	if r.phase == phaseKept {
		lost := w.lostOf(r, set, l.wheel.now)
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

// sendPart is the step for a part that was read: its gap, and then its frames.
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
	if e.reason == "" { // it has a beginning now, and wants all that follows
		e.reason, e.clientID = sse.GapExpired, []byte(w.idOf(r.after))
	}
	then := phaseStored
	if part.Last {
		then = phaseKept
	}
	return step{frames: part.Frames, ends: part.Ends, then: then}
}

// afterAsking is the step once the Store has said whether it has the client's newest
// message. If it has, the client comes too early by moments; if not, nobody can have had
// that message.
func (st *storeSequencer) afterAsking(w *window, set []string, r *replay) step {
	e := r.inStore
	if e.part.Newest >= e.until {
		return step{kind: stepLeave, retry: retrySoon()}
	}
	r.phase, r.inStore, r.after = phaseKept, nil, r.until
	return gapStep(w.gap(sse.GapMalformed, e.clientID, set, r.until, r.until, 0))
}
