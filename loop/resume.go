package loop

import (
	"bytes"

	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// A resumption is what a client has missed: the kept messages of its set behind
// one number, up to another, from which on it gets them as they come.
type resumption struct {
	after, until uint64   // equal: nothing
	gap          *sse.Gap // what it cannot have
	told         uint64   // the newest lost message that the gap, or nobody, has to tell of
	earlier      *earlier // what is to be read from the Store
	ahead        bool     // it has had more than this server
	untimed      uint64   // up to this number only the Store knows when messages came
}

// askedBytesMax is how much of an id that is none is told back.
const askedBytesMax = 64

// lastMax is up to where messages are counted off for "last". To find the newest
// 100,000 of many namespaces takes some 15 ms; who wants more gets all that is kept.
const lastMax = 100_000

// resumption finds what a client has missed. The last event's id counts first; without
// one, or with a malformed one, the number or the time of the request does.
func (l *loop) resumption(w *subreq.Resume, set nsindex.Set) (r resumption) {
	if l.history == nil {
		return r
	}
	newest := l.newest
	members := set.Members()
	r.after, r.until = newest, newest
	id, errID := sse.ParseID(w.ID)
	switch {
	case w.ID != nil && errID == nil && id.Epoch == l.epoch && id.Seq <= newest:
		r.after = id.Seq
		l.missing(&r, members, sse.GapExpired, w)
		return r
	case w.ID != nil && errID == nil && id.Epoch == l.epoch && l.store.Store != nil && id.Seq <= l.store.Newest():
		r.ahead = true
		return r
	case w.ID != nil && errID == nil && id.Epoch == l.epoch && l.store.Store != nil:
		// Another server may know more than we were told of, if we are cut off.
		r.after = id.Seq
		r.earlier = &earlier{until: id.Seq, beyond: true, asked: bytes.Clone(w.ID)}
		return r
	case w.ID != nil && errID == nil && id.Epoch != l.epoch:
		r.after = 0
		l.missing(&r, members, sse.GapEpoch, w)
		return r
	case w.Last == 0:
	case w.Last > lastMax:
		r.after = 0
	case w.Last >= 0:
		r.after = l.history.BeforeLast(members, w.Last, l.wheel.now)
	case w.Since >= 0:
		at := l.wheel.now - min(l.wheel.now, ticks(w.Since))
		r.after = l.history.Since(members, at, newest, l.wheel.now)
		r.untimed = l.untimed(members, at, r.after)
	}
	reason := ""
	if w.ID != nil {
		reason = sse.GapMalformed
	}
	l.missing(&r, members, reason, w)
	return r
}

// missing finds what is missing of a set behind r.after, and has it read from the
// Store, or told. The reason is why the client has to be told; that something
// expired it is told only if so.
func (l *loop) missing(r *resumption, members []string, reason string, w *subreq.Resume) {
	lost := l.history.Lost(members, r.after, l.wheel.now)
	surely := reason == sse.GapEpoch || reason == sse.GapMalformed
	if r.untimed > 0 {
		r.after, lost = 0, r.untimed
	}
	if l.store.Store != nil && lost > 0 && r.after < r.until {
		r.earlier = &earlier{until: lost, reason: reason, sure: surely, asked: bytes.Clone(w.ID)}
		if reason == "" || reason == sse.GapMalformed {
			r.earlier.want(w)
		}
		return
	}
	r.told = lost
	if surely || reason == sse.GapExpired && lost > 0 {
		r.gap = l.gap(reason, w.ID, members, *r)
	}
}

// gap describes what a client that came with an id cannot have.
func (l *loop) gap(reason string, asked []byte, set []string, r resumption) *sse.Gap {
	g := &sse.Gap{Reason: reason, Asked: string(bytes.ToValidUTF8(asked[:min(len(asked), askedBytesMax)], []byte("?"))), Newest: l.idOf(r.until)}
	if oldest, ok := l.history.Oldest(set, r.after); ok {
		g.Oldest = l.idOf(oldest)
	}
	if r.told > 0 {
		g.CompleteAfter = l.idOf(min(r.told, r.until))
	}
	return g
}
