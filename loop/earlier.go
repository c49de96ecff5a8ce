package loop

import (
	"context"
	"slices"
	"time"

	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/sse"
)

// What a subscriber missed and this server does not keep is read from the Store, in
// parts, while the loop goes on. It is a replay's first phase; the second is what
// the server keeps, and then comes the live stream.

const (
	// readsMax is how many reads of the store are under way at once. Each costs the
	// store a consumer; more would only wait there.
	readsMax = 16
	// readTime is how long one may take, a store that is away for a moment and the
	// wait for the reads before it included.
	readTime = 10 * time.Second
	// beyondTime is how long the store may take to say whether it has a message: who
	// waits may find another server that knows.
	beyondTime = time.Second
	// What was read is kept for a while, for those who come a little later and have
	// missed the same: so many parts, of so many bytes together.
	partsKept      = 64
	partsKeptBytes = 16 << 20
)

// An earlier is that phase of one subscriber's replay.
type earlier struct {
	until  uint64 // where the second phase takes over
	reason string // why there is a gap, if there is one
	asked  []byte // the id that it came with
	sure   bool   // there is a gap in any case
	beyond bool   // the id is none that this server knows of: the store is asked whether it has it
	last   int    // see Query
	since  time.Time
	part   *Part // read, and to be sent next
	err    error
}

// A flightKey tells which reads are the same.
type flightKey struct {
	set          string
	after, until uint64
	newest       uint64
	last         int
	since        time.Time
}

// A flight is one read of the store, for all who want the same: those that were
// connected to a server that went away have missed the same.
type flight struct {
	key    flightKey
	set    []string
	until  time.Time // it is given up
	who    []*subscriber
	beyond bool // only what is newest is asked for; see earlier
	done   bool
	part   Part
	err    error
}

// readEarlier has the next part read for s, which stands nowhere until it comes.
func (l *loop) readEarlier(s *subscriber, r *replay) {
	e, set := r.earlier, s.audience.set
	key := flightKey{set.Key(), r.after, e.until, 0, e.last, e.since}
	if e.beyond {
		l.askBeyond(s, key)
		return
	}
	if e.last > 0 {
		key.newest = r.until
	}
	f, ok := l.store.flights[key]
	if ok && f.done {
		e.part = &f.part
		l.replays.queue = append(l.replays.queue, s)
		l.wakeup.notify()
		return
	}
	if !ok {
		f = &flight{key: key, set: set.Members(), until: time.Now().Add(readTime)}
		l.store.flights[key] = f
		l.store.lined = append(l.store.lined, f)
	}
	f.who = append(f.who, s)
	l.depart()
}

// askBeyond has the store asked for its newest message. What was asked before s came
// does not count: the message that s has may have come since.
func (l *loop) askBeyond(s *subscriber, key flightKey) {
	r := &l.store
	if r.asking == nil {
		r.asking = &flight{key: key, set: s.audience.set.Members(), until: time.Now().Add(beyondTime), beyond: true}
		r.lined = append(r.lined, r.asking)
	}
	r.asking.who = append(r.asking.who, s)
	l.depart()
}

// depart begins with reads that were to wait, as far as somebody still wants them.
func (l *loop) depart() {
	for l.store.running < readsMax && len(l.store.lined) > 0 {
		f := l.store.lined[0]
		l.store.lined[0] = nil
		l.store.lined = l.store.lined[1:]
		if f == l.store.asking {
			l.store.asking = nil
		}
		if !slices.ContainsFunc(f.who, func(s *subscriber) bool { return l.replays.of[s] != nil }) {
			l.forgetFlight(f)
			continue
		}
		l.store.running++
		go f.read(l)
	}
}

// read runs on a goroutine of its own.
func (f *flight) read(l *loop) {
	ctx, cancel := context.WithDeadline(l.store.reading, f.until)
	defer cancel()
	k := f.key
	if f.err = ctx.Err(); f.err == nil {
		f.part, f.err = l.store.Read(ctx, Query{f.set, k.after, k.until, replayBytesMax, k.last, k.newest, k.since})
	}
	g := &l.store.landed
	g.mu.Lock()
	g.flights = append(g.flights, f)
	g.mu.Unlock()
	l.wakeup.notify()
}

// land gives what was read to those who wait for it. They stand in the replays'
// queue then, since they may be thousands.
func (f *flight) land(l *loop) {
	l.store.running--
	l.keepPart(f)
	if f.err != nil && !f.beyond {
		l.eventLog.readFailed(f, l)
	}
	for _, s := range f.who {
		r, ok := l.replays.of[s]
		if !ok {
			continue // it has left
		}
		r.earlier.part, r.earlier.err = &f.part, f.err
		l.replays.queue = append(l.replays.queue, s)
	}
	l.depart()
	l.wakeup.notify()
}

// keepPart keeps what was read, and lets go of what was read before.
func (l *loop) keepPart(f *flight) {
	r := &l.store
	if r.flights[f.key] != f {
		return // it was for one subscriber alone, or was forgotten meanwhile
	}
	if f.err != nil {
		l.forgetFlight(f)
		return
	}
	f.done = true
	r.parts = append(r.parts, f)
	r.partsBytes += len(f.part.Frames)
	for len(r.parts) > partsKept || r.partsBytes > partsKeptBytes {
		r.forgetPart(0)
	}
}

// forgetFlight has nobody wait for f any more, if it was not forgotten before.
func (l *loop) forgetFlight(f *flight) {
	if l.store.flights[f.key] == f {
		delete(l.store.flights, f.key)
	}
}

// forgetPart lets go of one of the parts.
func (r *storeClient) forgetPart(i int) {
	f := r.parts[i]
	r.partsBytes -= len(f.part.Frames)
	delete(r.flights, f.key)
	r.parts = slices.Delete(r.parts, i, i+1)
}

// forgetReads has nobody get what was read, or is being read, from behind a number
// below until, but for those who wait for it already.
func (l *loop) forgetReads(until uint64) {
	r := &l.store
	for i := len(r.parts) - 1; i >= 0; i-- {
		if r.parts[i].key.after < until {
			r.forgetPart(i)
		}
	}
	for key := range r.flights {
		if key.after < until {
			delete(r.flights, key)
		}
	}
}

// replayEarlier sends s the part that was read, or has the next one read.
func (l *loop) replayEarlier(s *subscriber, r *replay) (done bool) {
	e := r.earlier
	switch {
	case e.part == nil:
		l.readEarlier(s, r)
		return false
	case e.err != nil:
		l.retryMidReplay(s, l.retryTime(), reasonStore)
		return false
	case e.beyond:
		return l.endBeyond(s, r)
	}
	part := e.part
	r.after = max(r.after, part.After)
	if e.sure || e.reason != "" && part.Lost > r.told {
		l.tellEarlierGap(s, r, part)
		return l.sendFirst(s)
	}
	r.told = max(r.told, part.Lost)
	e.last, e.since, e.part = 0, time.Time{}, nil
	if e.reason == "" { // it has a beginning now, and wants all that follows
		e.reason, e.asked = sse.GapExpired, []byte(l.idOf(r.after))
	}
	n, ok := l.sendTo(s, part.Frames)
	if !ok {
		return false
	}
	l.replayed(s, r, part.Frames, part.Ends, n)
	switch {
	case l.backlogBytes() > l.opts.BacklogTotalBytesMax: // as in replaySome
		s.end(reasonEvicted)
	case n < len(part.Frames):
		l.block(s)
	case !part.Last:
		l.readEarlier(s, r)
	default:
		r.after, r.earlier = max(r.after, e.until), nil
		return l.replaySome(s)
	}
	return false
}

// tellEarlierGap tells s what neither this server nor the store has.
func (l *loop) tellEarlierGap(s *subscriber, r *replay, part *Part) {
	e := r.earlier
	g := l.gap(e.reason, e.asked, s.audience.set.Members(), resumption{after: e.until, until: r.until, told: part.Lost})
	if len(part.Ends) > 0 {
		g.Oldest = l.idOf(part.Ends[0].Seq)
	}
	e.sure, e.reason, r.told = false, sse.GapExpired, max(r.told, part.Lost)
	l.stats.Gaps++
	l.tellGap(s, *g)
}

// endBeyond looks at what the store says of an id that this server did not know of. If it
// has that message, s comes too early by moments; if not, nobody can have had it.
func (l *loop) endBeyond(s *subscriber, r *replay) (done bool) {
	e := r.earlier
	if e.part.Newest >= e.until {
		l.retryMidReplay(s, retrySoon(), reasonStore)
		return false
	}
	r.earlier, r.after = nil, r.until
	l.stats.Gaps++
	l.tellGap(s, *l.gap(sse.GapMalformed, e.asked, s.audience.set.Members(), resumption{after: r.until, until: r.until}))
	return l.sendFirst(s)
}

// retryMidReplay closes s in the middle of its replay. It sends s a retry time if s is
// between two frames.
func (l *loop) retryMidReplay(s *subscriber, after time.Duration, why reason) {
	if s.marks&(headHeld|prefixed) == 0 {
		l.frame = sse.AppendRetry(l.frame[:0], after.Milliseconds())
		_, _ = send(s.fd(), l.frame) // if it finds no room, s comes back after its usual time
	}
	s.end(why)
}

// want notes where a request wants to begin, if it says so.
func (e *earlier) want(w *subreq.Resume) {
	switch {
	case w.Last > 0 && w.Last <= lastMax:
		e.last = w.Last
	case w.Last < 0 && w.Since >= 0:
		e.since = time.Now().Add(-w.Since).Truncate(tick) // as what is kept here; those who come at once have one wish
	}
}

// untimed is up to which number the Store has to be asked what is younger than a
// time; 0: what is kept, behind after, is all of it. Of messages that were published
// before this server came it knows only that; and of those that it let go of, that
// they are older than one that it has.
func (l *loop) untimed(set []string, at uint32, after uint64) uint64 {
	if l.store.Store == nil {
		return 0
	}
	lost := l.history.Lost(set, 0, l.wheel.now)
	if at <= l.store.liveAt {
		return max(lost, l.store.before)
	}
	if oldest, ok := l.history.Oldest(set, lost); ok && oldest <= after {
		return 0
	}
	return lost
}
