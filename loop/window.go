package loop

import (
	"bytes"

	"github.com/ssed/ssed/internal/history"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/sse"
)

// A window holds the newest messages of this daemon in memory, by number. Without a Store, it is
// the whole history. With a Store, it is the newest part of the Store's history.
//
//	published:  1 ········ 40 │ 41 ······ 97 │ 98 ──►
//	            only in Store  │ kept         │ newest+1
//
// With several loops, all windows have the same messages, and newest differs: see sharedHistory.
// kept may then be used only between acquire and release.
type window struct {
	kept   *history.History // nil: nothing is kept, and messages have no ids
	epoch  string           // the epoch in all ids
	newest uint64           // number of the newest message that this loop has delivered
	shared *sharedHistory   // the history of several loops; nil: only this loop uses kept
}

// acquire makes kept usable until release, with several loops too. It reports false if the shared
// history has already begun again, in another epoch or after a smaller number, and this loop has
// yet to get the record of that. kept must not be used in that case.
func (w *window) acquire() (ok bool) {
	if w.shared == nil {
		return true
	}
	w.shared.mu.Lock()
	w.kept = w.shared.kept
	if w.kept == nil || w.shared.epoch != w.epoch || w.shared.newest < w.newest {
		return false
	}
	w.kept.Settle(w.shared.deliveredByAll())
	return true
}

// release ends the use of kept after acquire, whatever acquire has returned.
func (w *window) release() {
	if w.shared != nil {
		w.shared.mu.Unlock()
	}
}

// noteDelivered shows the other loops that this one has delivered the messages up to newest.
func (w *window) noteDelivered(loop int) {
	if w.shared != nil {
		w.shared.delivered[loop].seq.Store(w.newest)
	}
}

// hasElsewhere reports whether another loop may already have delivered a message after newest. It
// must be called between acquire and release.
func (w *window) hasElsewhere(seq uint64) bool { return w.shared != nil && seq <= w.shared.newest }

// now returns the time for kept, in ticks. tick is the time of the loop's wheel.
func (w *window) now(tick uint32) uint32 {
	if w.shared != nil {
		return w.shared.now()
	}
	return tick
}

// raise records that messages up to a number may be missing. With several loops, the feed does it.
func (w *window) raise(floor uint64) {
	if w.shared == nil {
		w.kept.Raise(floor)
	}
}

// lostAfter returns the newest message of a set after a number that is not kept, or 0. It ignores
// messages that this loop has yet to deliver.
func (w *window) lostAfter(set []string, after uint64, now uint32) uint64 {
	if lost := min(w.kept.Lost(set, after, now), w.newest); lost > after {
		return lost
	}
	return 0
}

// keeps reports whether messages of a namespace are kept. If so, they have ids.
func (w *window) keeps(namespace []byte) bool { return w.kept != nil && w.kept.Keeps(namespace) }

// add keeps the next message, whose number is newest+1. It does not change newest: see published.
func (w *window) add(namespace, frame []byte, now uint32) {
	w.kept.Add(namespace, frame, w.newest+1, now)
}

// sweepNamespaces is how many namespaces are checked for expired messages in each tick. That is
// about 10,000 per second, and takes less than 1 % of the loop's time.
const sweepNamespaces = 1000

// sweep drops expired messages in the next few namespaces.
func (w *window) sweep(tick uint32) {
	if w.kept == nil {
		return
	}
	defer w.release()
	if w.acquire() {
		w.kept.Sweep(w.now(tick), sweepNamespaces)
	}
}

// appendID appends the id line of the next message, whose number is newest+1.
func (w *window) appendID(dst []byte) []byte {
	return sse.AppendIDLine(dst, sse.ID{Epoch: w.epoch, Seq: w.newest + 1})
}

// idOf returns the id of a message, or "" if messages have no ids.
func (w *window) idOf(seq uint64) string {
	if w.kept == nil {
		return ""
	}
	return sse.ID{Epoch: w.epoch, Seq: seq}.String()
}

// newestID returns the id of the newest message, or "" if messages have no ids.
func (w *window) newestID() string { return w.idOf(w.newest) }

// An idStatus is the relation of a request's Last-Event-ID to the window.
type idStatus uint8

const (
	idNone      idStatus = iota // the request has no id
	idMalformed                 // it is not an id of ssed
	idForeign                   // it has another epoch, so its number has no meaning here
	idKnown                     // it names a message up to window.newest
	idAhead                     // it names a message after window.newest
)

// classify parses a Last-Event-ID. seq is the number in the id if the status is idKnown or idAhead.
func (w *window) classify(text []byte) (status idStatus, seq uint64) {
	if text == nil {
		return idNone, 0
	}
	id, err := sse.ParseID(text)
	switch {
	case err != nil:
		return idMalformed, 0
	case id.Epoch != w.epoch:
		return idForeign, 0
	case id.Seq > w.newest:
		return idAhead, id.Seq
	}
	return idKnown, id.Seq
}

// lastMax is the largest "last" for which messages are counted. Finding the newest 100,000 messages
// of many namespaces takes about 15 ms. A request for more gets everything that is kept.
const lastMax = 100_000

// A startPoint is the message after which a request starts, and whether that leaves a gap.
type startPoint struct {
	after     uint64 // the subscriber gets the messages after this number
	reason    string // the reason of a gap, if there is one; "": the request has no id
	alwaysGap bool   // there is a gap even if no message was dropped
	bySince   bool   // after was computed from "since"
}

// findStart returns the start point of a request for a set. The Last-Event-ID has priority. With an
// id of another epoch, the subscriber gets everything that is kept. If the id is missing, malformed
// or ahead, "last" or "since" is used. Without these, the subscriber starts with the next message.
func (w *window) findStart(status idStatus, seq uint64, ask *subreq.Resume, set []string, now uint32) (b startPoint) {
	switch status {
	case idKnown:
		return startPoint{after: seq, reason: sse.GapExpired}
	case idForeign:
		return startPoint{after: 0, reason: sse.GapEpoch, alwaysGap: true}
	case idMalformed, idAhead:
		b.reason, b.alwaysGap = sse.GapMalformed, true
	}
	switch {
	case ask.Last == 0:
		b.after = w.newest
	case ask.Last > lastMax:
		b.after = 0
	case ask.Last > 0:
		b.after = min(w.kept.BeforeLast(set, ask.Last, now), w.newest)
	case ask.Since >= 0:
		b.after, b.bySince = w.kept.Since(set, sinceTick(ask, now), w.newest, now), true
	default:
		b.after = w.newest
	}
	return b
}

// sinceTick returns the tick from which on "since" asks for messages.
func sinceTick(ask *subreq.Resume, now uint32) uint32 { return now - min(now, ticks(ask.Since)) }

// fromMemory returns the resume point for b if the window alone can serve the replay. lost is the
// newest dropped message after b.after, or 0.
func (w *window) fromMemory(b startPoint, ask *subreq.Resume, set []string, lost uint64) resumePoint {
	p := resumePoint{replay: replay{after: b.after, until: w.newest, reported: lost}}
	if p.after < p.until {
		p.phase = phaseKept
		w.kept.Mark(p.until)
	}
	if b.alwaysGap || b.reason == sse.GapExpired && lost > 0 {
		p.gap = w.gap(b.reason, ask.ID, set, p.after, p.until, lost)
	}
	return p
}

// askedBytesMax limits how much of a malformed id is echoed in the gap event.
const askedBytesMax = 64

// gap returns a gap event for the messages of a set after one number, up to until. asked is the id
// that the client sent. lost is the newest message that is known to be dropped, or 0.
func (w *window) gap(reason string, asked []byte, set []string, after, until, lost uint64) *sse.Gap {
	g := &sse.Gap{
		Reason: reason,
		Asked:  string(bytes.ToValidUTF8(asked[:min(len(asked), askedBytesMax)], []byte("?"))),
		Newest: w.idOf(until),
	}
	if oldest, ok := w.kept.Oldest(set, after); ok {
		g.Oldest = w.idOf(oldest)
	}
	if lost > 0 {
		g.CompleteAfter = w.idOf(min(lost, until))
	}
	return g
}
