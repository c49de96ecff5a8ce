package loop

import (
	"context"
	"slices"
	"time"

	"github.com/ssed/ssed/internal/inbox"
)

const (
	// readsMax limits how many reads of the Store are in progress, for all loops together. Each
	// loop has an equal part, but at least one. A read costs the Store a consumer; more reads would
	// only wait there.
	readsMax = 16
	// readTime is how long a read may take. It includes a short outage of the Store, and the wait
	// for earlier reads.
	readTime = 10 * time.Second
	// askTime is how long the Store may take to report its newest message. After that, the client
	// is asked to retry, and may reach a daemon that has the message.
	askTime = time.Second
	// Parts are kept for clients that arrive a little later and missed the same messages: up to
	// partsKept parts with partsKeptBytes bytes together, in each loop.
	partsKept      = 64
	partsKeptBytes = 16 << 20
)

// storeReads holds the reads of the Store: queued reads, reads in progress, and kept parts. Clients
// that need the same messages share a read. For example, all clients of a stopped daemon missed the
// same messages. The loop owns it, except for done.
//
//	queued ──► running (one goroutine each) ──► done ──► complete ──► kept parts
//	                                                        └──► waiting subscribers
type storeReads struct {
	ctx    context.Context // canceled when the server stops
	cancel context.CancelFunc
	done   *inbox.Inbox[*storeRead]

	most       int // reads that may be in progress
	running    int
	queued     []*storeRead
	asking     *storeRead             // the queued read that only asks for the newest number
	shared     map[readKey]*storeRead // reads that later subscribers may join, and kept parts
	parts      []*storeRead           // the finished reads in shared, the oldest first
	partsBytes int
}

func newStoreReads(most int, wake func()) storeReads {
	ctx, cancel := context.WithCancel(context.Background())
	return storeReads{most: most, ctx: ctx, cancel: cancel, done: inbox.New[*storeRead](wake), shared: map[readKey]*storeRead{}}
}

// A readKey identifies reads with the same result.
type readKey struct {
	set          string
	after, until uint64
	newest       uint64
	last         int
	since        time.Time
}

// A storeRead is one read of the Store, and the subscribers that wait for it. While it runs, its
// goroutine owns part and err, and the loop owns waiting and isDone; the other fields do not
// change.
type storeRead struct {
	key        readKey
	set        []string
	deadline   time.Time
	waiting    []*subscriber
	newestOnly bool // it only asks for the newest number; see phaseAsking
	isDone     bool
	part       Part
	err        error
}

// read starts to read the next part of a replay, or joins a read of the same part. s waits for it,
// and is not in the replay queue.
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

// ask starts to read the Store's newest number, or joins a queued read of it. A read that has
// already started does not count: the message that the client has may have been stored after it
// started.
func (st *storeSequencer) ask(l *Loop, s *subscriber, key readKey) {
	reads := &st.reads
	if reads.asking == nil {
		reads.asking = &storeRead{key: key, set: s.audience.set.Members(), deadline: time.Now().Add(askTime), newestOnly: true}
		reads.queued = append(reads.queued, reads.asking)
	}
	reads.asking.waiting = append(reads.asking.waiting, s)
	st.startReads(l)
}

// startReads starts queued reads, up to the limit. It discards a read if no subscriber waits for it
// any more.
func (st *storeSequencer) startReads(l *Loop) {
	reads := &st.reads
	for reads.running < reads.most && len(reads.queued) > 0 {
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

// run reads from the Store. It runs on its own goroutine, and passes f back through done.
func (f *storeRead) run(ctx context.Context, store Store, done *inbox.Inbox[*storeRead]) {
	ctx, cancel := context.WithDeadline(ctx, f.deadline)
	defer cancel()
	k := f.key
	if f.err = ctx.Err(); f.err == nil {
		f.part, f.err = store.Read(ctx, Query{f.set, k.after, k.until, replayBytesMax, k.last, k.newest, k.since})
	}
	done.Put(f)
}

// complete gives the result of a read to the subscribers that wait for it. It only queues their
// replays, since there may be thousands of them.
func (st *storeSequencer) complete(l *Loop, f *storeRead) {
	st.reads.running--
	st.reads.keep(f)
	if f.err != nil && !f.newestOnly {
		l.eventLog.readFailed(f, l)
	}
	for _, s := range f.waiting {
		r, ok := l.replays.of[s]
		if !ok {
			continue // its connection has closed
		}
		r.inStore.part, r.inStore.err = &f.part, f.err
		l.replays.queue = append(l.replays.queue, s)
	}
	st.startReads(l)
	st.wake()
}

// keep keeps a finished read for other subscribers, and drops the oldest parts that exceed the
// limits.
func (reads *storeReads) keep(f *storeRead) {
	if reads.shared[f.key] != f {
		return // it was never shared, or was forgotten in the meantime
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

// unshare prevents later subscribers from joining f.
func (reads *storeReads) unshare(f *storeRead) {
	if reads.shared[f.key] == f {
		delete(reads.shared, f.key)
	}
}

// dropPart drops the kept part with the index i.
func (reads *storeReads) dropPart(i int) {
	f := reads.parts[i]
	reads.partsBytes -= len(f.part.Frames)
	delete(reads.shared, f.key)
	reads.parts = slices.Delete(reads.parts, i, i+1)
}

// forgetBefore drops the parts that start before the number until, and unshares reads that do.
// Subscribers that already wait for one of these reads still get it.
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
