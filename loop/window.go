package loop

import (
	"bytes"

	"github.com/ssed/ssed/internal/history"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/sse"
)

// A window is the newest messages of this daemon, in memory and by number. Without a
// store it is all the history there is. With one it is the end of the store's.
//
//	published:  1 ········ 40 │ 41 ······ 97 │ 98 ──►
//	            only a store   │ kept         │ newest+1
type window struct {
	kept   *history.History // nil: nothing is kept, and messages have no ids
	epoch  string           // of the ids
	newest uint64           // number of the newest message
}

// keeps reports whether messages of a namespace are kept, and have ids.
func (w *window) keeps(namespace []byte) bool { return w.kept != nil && w.kept.Keeps(namespace) }

// add keeps the message after newest.
func (w *window) add(namespace, frame []byte, now uint32) {
	w.kept.Add(namespace, frame, w.newest+1, now)
}

// sweepNamespaces is how many namespaces are searched each tick for messages that are
// too old: some 10,000 a second, for less than 1 % of the loop's time.
const sweepNamespaces = 1000

// sweep drops messages that are too old, in some of the namespaces.
func (w *window) sweep(now uint32) {
	if w.kept != nil {
		w.kept.Sweep(now, sweepNamespaces)
	}
}

// appendID appends the id line of the message after newest.
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

// An idStatus says what a request's Last-Event-ID is to this daemon.
type idStatus uint8

const (
	idNone      idStatus = iota // the request has none
	idMalformed                 // it is not an id of ssed's
	idForeign                   // its epoch is another: its numbers mean nothing here
	idKnown                     // it names a message up to the newest
	idAhead                     // it names a message after the newest
)

// classify reads a Last-Event-ID. seq is the number in it, if the status is idKnown or
// idAhead.
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

// lastMax is the largest "last" for which messages are counted. To find the newest
// 100,000 of many namespaces takes some 15 ms; a request for more gets all that is kept.
const lastMax = 100_000

// A startPoint is where a request wants to begin, and whether that leaves a gap.
type startPoint struct {
	after     uint64 // it has what is up to this number
	reason    string // of a gap, if there is one; "": the client did not say what it has
	alwaysGap bool   // there is a gap even if no message is gone
	bySince   bool   // after was found by "since"
}

// findStart finds where a request for a set begins. The last event's id counts first; without
// one, or with one that cannot be used, "last" or "since" do.
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
		b.after = w.kept.BeforeLast(set, ask.Last, now)
	case ask.Since >= 0:
		b.after, b.bySince = w.kept.Since(set, sinceTick(ask, now), w.newest, now), true
	default:
		b.after = w.newest
	}
	return b
}

// sinceTick returns the tick from which on "since" asks for messages.
func sinceTick(ask *subreq.Resume, now uint32) uint32 { return now - min(now, ticks(ask.Since)) }

// fromMemory is the resume point of a beginning from which on the window has all that
// there is. lost is the newest message after it that is gone, 0 if none is.
func (w *window) fromMemory(b startPoint, ask *subreq.Resume, set []string, lost uint64) resumePoint {
	p := resumePoint{replay: replay{after: b.after, until: w.newest, reported: lost}}
	if p.after < p.until {
		p.phase = phaseKept
	}
	if b.alwaysGap || b.reason == sse.GapExpired && lost > 0 {
		p.gap = w.gap(b.reason, ask.ID, set, p.after, p.until, lost)
	}
	return p
}

// askedBytesMax limits how much of a malformed id is echoed in the gap event.
const askedBytesMax = 64

// gap describes what a subscriber cannot have of a set's messages from after to until.
// lost is the newest message that is gone, 0 if none is known to be. asked is the id that
// the client sent.
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
