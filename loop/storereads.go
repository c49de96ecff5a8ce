package loop

import (
	"context"
	"slices"
	"time"

	"github.com/ssed/ssed/internal/inbox"
)

const (
	// readsMax is how many reads of the Store are under way at once. Each costs the Store
	// a consumer; more would only wait there.
	readsMax = 16
	// readTime is how long a read may take. It includes an outage of the Store that lasts
	// a moment, and the wait for the reads before it.
	readTime = 10 * time.Second
	// askTime is how long the Store may take to say whether it has a message. The client
	// may find another daemon that knows.
	askTime = time.Second
	// Parts that were read are kept for a while, for clients that come a little later and
	// have missed the same: so many parts, of so many bytes together.
	partsKept      = 64
	partsKeptBytes = 16 << 20
)

// storeReads are the reads of the Store: those that wait, those under way and those whose
// parts are kept. Clients that want the same share a read: those of a daemon that went
// away have all missed the same. It belongs to the loop, except for done.
//
//	queued ──► running (a goroutine each) ──► done ──► kept parts
type storeReads struct {
	ctx    context.Context // ends with the server
	cancel context.CancelFunc
	done   *inbox.Inbox[*storeRead]

	running    int
	queued     []*storeRead
	asking     *storeRead // the one of queued that asks only what is newest
	shared     map[readKey]*storeRead
	parts      []*storeRead // those of shared that are done, the oldest first
	partsBytes int
}

func newStoreReads(wake func()) storeReads {
	ctx, cancel := context.WithCancel(context.Background())
	return storeReads{ctx: ctx, cancel: cancel, done: inbox.New[*storeRead](wake), shared: map[readKey]*storeRead{}}
}

// A readKey tells which reads are the same.
type readKey struct {
	set          string
	after, until uint64
	newest       uint64
	last         int
	since        time.Time
}

// A storeRead is one read of the Store, and the subscribers that wait for it.
type storeRead struct {
	key        readKey
	set        []string
	deadline   time.Time
	waiting    []*subscriber
	newestOnly bool // it asks only what is newest; see phaseAsking
	isDone     bool
	part       Part
	err        error
}

// read has the next part of a replay read. s waits for it, and stands in no queue.
func (st *storeSequencer) read(l *Loop, s *subscriber, r *replay) {
	e, set, reads := r.inStore, s.audience.set, &st.reads
	key := readKey{set.Key(), r.after, e.until, 0, e.last, e.since}
	if r.phase == phaseAsking {
		st.ask(l, s, key)
		return
	}
	if e.last > 0 {
		key.newest = r.until
	}
	f, ok := reads.shared[key]
	if ok && f.isDone {
		e.part = &f.part
		l.replays.queue = append(l.replays.queue, s)
		st.wake()
		return
	}
	if !ok {
		f = &storeRead{key: key, set: set.Members(), deadline: time.Now().Add(readTime)}
		reads.shared[key] = f
		reads.queued = append(reads.queued, f)
	}
	f.waiting = append(f.waiting, s)
	st.startReads(l)
}

// ask has the Store asked for its newest message. A question that has left already does
// not count: the message that s has may have come since.
func (st *storeSequencer) ask(l *Loop, s *subscriber, key readKey) {
	reads := &st.reads
	if reads.asking == nil {
		reads.asking = &storeRead{key: key, set: s.audience.set.Members(), deadline: time.Now().Add(askTime), newestOnly: true}
		reads.queued = append(reads.queued, reads.asking)
	}
	reads.asking.waiting = append(reads.asking.waiting, s)
	st.startReads(l)
}

// startReads starts queued reads, as many as may run, unless nobody waits for them any
// more.
func (st *storeSequencer) startReads(l *Loop) {
	reads := &st.reads
	for reads.running < readsMax && len(reads.queued) > 0 {
		f := reads.queued[0]
		reads.queued[0] = nil
		reads.queued = reads.queued[1:]
		if f == reads.asking {
			reads.asking = nil
		}
		if !slices.ContainsFunc(f.waiting, func(s *subscriber) bool { return l.replays.of[s] != nil }) {
			reads.unshare(f)
			continue
		}
		reads.running++
		go f.run(reads.ctx, st.Store, reads.done)
	}
}

// run reads, on a goroutine of its own.
func (f *storeRead) run(ctx context.Context, store Store, done *inbox.Inbox[*storeRead]) {
	ctx, cancel := context.WithDeadline(ctx, f.deadline)
	defer cancel()
	k := f.key
	if f.err = ctx.Err(); f.err == nil {
		f.part, f.err = store.Read(ctx, Query{f.set, k.after, k.until, replayBytesMax, k.last, k.newest, k.since})
	}
	done.Put(f)
}

// complete gives what was read to the subscribers that wait for it. They stand in the
// replays' queue then, since they may be thousands.
func (st *storeSequencer) complete(l *Loop, f *storeRead) {
	st.reads.running--
	st.reads.keep(f)
	if f.err != nil && !f.newestOnly {
		l.eventLog.readFailed(f, l)
	}
	for _, s := range f.waiting {
		r, ok := l.replays.of[s]
		if !ok {
			continue // it has left
		}
		r.inStore.part, r.inStore.err = &f.part, f.err
		l.replays.queue = append(l.replays.queue, s)
	}
	st.startReads(l)
	st.wake()
}

// keep keeps a read's part for others, and drops older parts for which there is no room.
func (reads *storeReads) keep(f *storeRead) {
	if reads.shared[f.key] != f {
		return // it was not shared, or was forgotten meanwhile
	}
	if f.err != nil {
		reads.unshare(f)
		return
	}
	f.isDone = true
	reads.parts = append(reads.parts, f)
	reads.partsBytes += len(f.part.Frames)
	for len(reads.parts) > partsKept || reads.partsBytes > partsKeptBytes {
		reads.dropPart(0)
	}
}

// unshare keeps later subscribers from waiting for f.
func (reads *storeReads) unshare(f *storeRead) {
	if reads.shared[f.key] == f {
		delete(reads.shared, f.key)
	}
}

func (reads *storeReads) dropPart(i int) {
	f := reads.parts[i]
	reads.partsBytes -= len(f.part.Frames)
	delete(reads.shared, f.key)
	reads.parts = slices.Delete(reads.parts, i, i+1)
}

// forgetBefore drops the parts that begin before a number, and unshares the reads that do.
// Subscribers that wait for them already get them.
func (reads *storeReads) forgetBefore(until uint64) {
	for i := len(reads.parts) - 1; i >= 0; i-- {
		if reads.parts[i].key.after < until {
			reads.dropPart(i)
		}
	}
	for key := range reads.shared {
		if key.after < until {
			delete(reads.shared, key)
		}
	}
}
