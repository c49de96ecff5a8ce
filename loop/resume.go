package loop

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

// A resumption is what a client has missed: the kept messages of its set behind
// one number, up to another, from which on it gets them as they come.
type resumption struct {
	after, until uint64   // equal: nothing
	gap          *sse.Gap // what it cannot have
	told         uint64   // the newest lost message that the gap, or nobody, has to tell of
	earlier      *earlier // what is to be read from the Relay
	ahead        bool     // it has had more than this server
	untimed      uint64   // up to this number only the Relay knows when messages came
}

// askedBytesMax is how much of an id that is none is told back.
const askedBytesMax = 64

// lastMax is up to where messages are counted off for "last". To find the newest
// 100,000 of many namespaces takes some 15 ms; who wants more gets all that is kept.
const lastMax = 100_000

// A wish is what a request says of the messages before it.
type wish struct {
	id     []byte // of the last event that the client has; nil: it names none
	last   int    // it wants the newest so many; -1: it does not say
	since  time.Duration
	sinces bool // since was given
}

// resumption finds what a request's client has missed. The last event's id counts
// first; without one, or with one that is none, "last" and "since" of the query do.
// The error says what is wrong with those.
func (l *loop) resumption(req *httpparse.Request, set nsindex.Set) (r resumption, err error) {
	if l.history == nil {
		return r, nil
	}
	w, err := readWish(req)
	if err != nil {
		return r, err
	}
	newest := l.newest
	members := set.Members()
	r.after, r.until = newest, newest
	id, errID := sse.ParseID(w.id)
	switch {
	case w.id != nil && errID == nil && id.Epoch == l.epoch && id.Seq <= newest:
		r.after = id.Seq
		l.missing(&r, members, sse.GapExpired, w)
		return r, nil
	case w.id != nil && errID == nil && id.Epoch == l.epoch && l.relay.Relay != nil && id.Seq <= l.relay.Newest():
		r.ahead = true
		return r, nil
	case w.id != nil && errID == nil && id.Epoch == l.epoch && l.relay.Relay != nil:
		// Another server may know more than we were told of, if we are cut off.
		r.after = id.Seq
		r.earlier = &earlier{until: id.Seq, beyond: true, asked: bytes.Clone(w.id)}
		return r, nil
	case w.id != nil && errID == nil && id.Epoch != l.epoch:
		r.after = 0
		l.missing(&r, members, sse.GapEpoch, w)
		return r, nil
	case w.last == 0:
	case w.last > lastMax:
		r.after = 0
	case w.last >= 0:
		r.after = l.history.Before(members, w.last, l.wheel.now)
	case w.sinces:
		at := l.wheel.now - min(l.wheel.now, ticks(w.since))
		r.after = l.history.Since(members, at, newest, l.wheel.now)
		r.untimed = l.untimed(members, at, r.after)
	}
	reason := ""
	if w.id != nil {
		reason = sse.GapMalformed
	}
	l.missing(&r, members, reason, w)
	return r, nil
}

// missing finds what is missing of a set behind r.after, and has it read from the
// Relay, or told. The reason is why the client has to be told; that something
// expired it is told only if so.
func (l *loop) missing(r *resumption, members []string, reason string, w wish) {
	lost := l.history.Lost(members, r.after, l.wheel.now)
	surely := reason == sse.GapEpoch || reason == sse.GapMalformed
	if r.untimed > 0 {
		r.after, lost = 0, r.untimed
	}
	if l.relay.Relay != nil && lost > 0 && r.after < r.until {
		r.earlier = &earlier{until: lost, reason: reason, sure: surely, asked: bytes.Clone(w.id)}
		if reason == "" || reason == sse.GapMalformed {
			r.earlier.want(w)
		}
		return
	}
	r.told = lost
	if surely || reason == sse.GapExpired && lost > 0 {
		r.gap = l.gap(reason, w.id, members, *r)
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

// readWish reads what concerns the history in a request. An EventSource sends its
// last event's id in a field; what cannot set fields has the query.
func readWish(req *httpparse.Request) (w wish, err error) {
	w.last = -1
	for query := req.Query; len(query) > 0; {
		var key, raw []byte
		key, raw, query = httpparse.NextPair(query)
		switch string(key) {
		case "last_event_id", "lastEventId", "last", "since":
		default:
			continue
		}
		value, err := httpparse.AppendUnescapedQuery(nil, raw)
		if err != nil {
			return w, err
		}
		if err := w.set(string(key), value); err != nil {
			return w, err
		}
	}
	if id := req.Get("Last-Event-ID"); len(id) > 0 {
		w.id = id
	}
	return w, nil
}

func (w *wish) set(key string, value []byte) (err error) {
	switch key {
	case "last":
		if w.last, err = strconv.Atoi(string(value)); err != nil || w.last < 0 {
			return fmt.Errorf("last=%.20q is no number of messages, such as 1", value)
		}
	case "since":
		if w.since, err = time.ParseDuration(string(value)); err != nil || w.since < 0 {
			return fmt.Errorf("since=%.20q is no time, such as 30s or 5m", value)
		}
		w.sinces = true
	default:
		if len(value) > 0 {
			w.id = value
		}
	}
	return nil
}
