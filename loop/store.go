package loop

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/internal/history"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A Store keeps messages outside this server: it outlives the server, or several
// servers share it. Published messages go to the Store and come back through the
// StoreSink with their numbers. The server assigns no numbers of its own, and it keeps
// only the newest part of what the Store has.
//
// All methods may be called from any goroutine.
type Store interface {
	// Submit hands a checked message in. It does not wait, and keeps none of the
	// message's slices. The answer comes later, once; those to one caller come in
	// the order of its calls. The loop calls it.
	Submit(m PublishRequest, to Acker)
	// Full tells whether as much is on its way as may be, so that the next Submit
	// should wait for an answer. The loop calls it.
	Full() bool
	// Wait returns once it is not Full. The error is the context's.
	Wait(ctx context.Context) error
	// Read reads what the store has kept. It may take as long as ctx lasts.
	Read(ctx context.Context, q Query) (Part, error)
	// Newest is the number of the newest message that is known to be in the store.
	// It is never less than what the StoreSink was given. The loop calls it.
	Newest() uint64
}

// A PublishRequest is one message on its way to the store.
type PublishRequest struct {
	Namespace, Event []byte
	Key              []byte // makes a repetition harmless; empty: none
	Data             []byte
}

// An Acker receives the result of one PublishRequest: its number in the store, or an
// error, which becomes the publisher's ERR.
type Acker interface {
	Ack(seq uint64, err error)
}

// A Query asks for a part of what the store has kept of a set: what is behind the
// number After, up to the number Until, about so many bytes of frames.
type Query struct {
	Set          []string // canonical, none below another
	After, Until uint64
	BytesMax     int
	// Last and Since, where they are not zero, stand for an After that is to be
	// found: before the newest so many messages up to the number Newest, or before
	// those from a time on.
	Last   int
	Newest uint64
	Since  time.Time
}

// A Part answers a Query.
type Part struct {
	After  uint64 // where it begins: that of the Query, or what was found
	Frames []byte // with their ids
	Ends   []sse.FrameEnd
	Last   bool   // there is no more up to Until
	Lost   uint64 // the newest message behind After that may be gone; 0: none is
	Newest uint64 // of all messages in the store, when it was asked
}

// A StoreSink brings a Store's messages into the loop. Its methods wait while the
// mailbox is full; their errors are the context's, or wrap publish.ErrBusy when the
// server has ended. One goroutine calls them.
type StoreSink struct{ box *mailbox }

// StoreSink returns the sink that a Store delivers to.
func (s *Server) StoreSink() StoreSink { return StoreSink{s.loop.box} }

// The words of a Store: a record with one of these has no namespace.
const (
	wordSkip  = 's'
	wordBegin = 'b' // an epoch follows
	wordLive  = 'l'
	wordTrim  = 't'
)

// Begin tells where the messages begin that will be delivered: behind a number, in
// an epoch that all servers at the store have in common. If there was another before,
// or a larger number was delivered, the store has lost messages that it had, and
// everybody is told of the gap.
func (i StoreSink) Begin(ctx context.Context, epoch string, newest uint64) error {
	return i.word(ctx, newest, append([]byte{wordBegin}, epoch...))
}

// Live tells that what was published before the server came is delivered: from now
// on it takes subscribers.
func (i StoreSink) Live(ctx context.Context) error { return i.word(ctx, 0, []byte{wordLive}) }

// Deliver brings the message with a number. What was delivered before is passed
// over. If numbers are left out, everybody is told of the gap, once for all up to the
// store's newest; before Live there is nobody to tell.
func (i StoreSink) Deliver(ctx context.Context, seq uint64, namespace, event, data []byte) error {
	_, err := i.box.putNumbered(ctx, seq, namespace, event, data)
	return err
}

// Skip advances past a message that cannot be delivered.
func (i StoreSink) Skip(ctx context.Context, seq uint64) error {
	return i.word(ctx, seq, []byte{wordSkip})
}

// Trim tells that the store has let go of its messages up to a number. Nobody gets them
// any more.
func (i StoreSink) Trim(ctx context.Context, until uint64) error {
	return i.word(ctx, until, []byte{wordTrim})
}

func (i StoreSink) word(ctx context.Context, seq uint64, word []byte) error {
	_, err := i.box.putNumbered(ctx, seq, nil, nil, word)
	return err
}

// storeClient is what the loop knows of its Store. The first part is for other
// goroutines, too.
type storeClient struct {
	Store  // nil: there is none
	owed   atomic.Int64
	acked  atomic.Uint64 // the newest number that a publisher was told
	landed landing

	reading   context.Context // ends with the server
	readNever context.CancelFunc

	live       bool
	liveAt     uint32    // when that was, in ticks
	before     uint64    // what came up to then was published at some time before
	lost       uint64    // messages that subscribers were told of, and the log was not yet
	told       uint64    // up to where everybody was told of a gap
	settled    bool      // the server ends, and every submission is answered
	ended      uint32    // tick at which that was seen
	running    int       // reads of the store that are under way
	lined      []*flight // those that wait for that
	asking     *flight   // the one of these that asks for no more than what is newest
	flights    map[flightKey]*flight
	parts      []*flight // those of flights that are done, the oldest first
	partsBytes int
	answers    []answer // scratch
}

// submit hands a message to the store.
func (l *loop) submit(m PublishRequest, to Acker) error {
	l.store.owed.Add(1) // before it is asked whether the server ends: the end waits for what is owed
	if l.stop.Load() != stopNot {
		l.store.owed.Add(-1)
		return publish.ErrStopping
	}
	l.store.Submit(m, to)
	return nil
}

// answered notes that a submission was answered.
func (l *loop) answered(seq uint64, err error) {
	if err == nil {
		for acked := l.store.acked.Load(); acked < seq && !l.store.acked.CompareAndSwap(acked, seq); {
			acked = l.store.acked.Load()
		}
	}
	if l.store.owed.Add(-1) == 0 && l.stop.Load() != stopNot {
		l.wakeup.notify()
	}
}

// takeStored takes one record of the store's.
func (l *loop) takeStored(r record) {
	switch {
	case len(r.namespace) > 0:
		if l.advance(r.seq) {
			l.publishFramed(r.namespace, r.frame)
		}
	case r.frame[0] == wordSkip:
		if l.advance(r.seq) {
			l.newest++
		}
	case r.frame[0] == wordTrim:
		l.history.Raise(min(r.seq, l.newest))
		l.forgetReads(r.seq)
	case r.frame[0] == wordLive:
		l.store.live, l.store.liveAt, l.store.before = true, l.wheel.now, l.newest
	case r.frame[0] == wordBegin:
		l.begin(string(r.frame[1:]), r.seq)
	}
}

// advance makes ready for the message with a number, and tells whether it is a new
// one. Numbers that are left out are a gap for everybody: what their messages were
// about is not known. Before the server is live there is nobody to be told, and a
// stream may have many such holes.
func (l *loop) advance(seq uint64) bool {
	if seq <= l.newest {
		return false
	}
	if lost := seq - 1; lost > l.newest {
		after := l.newest
		l.newest = lost
		l.history.Raise(lost)
		if l.store.live && lost > l.store.told {
			l.leftOut(after)
		}
	}
	return true
}

// tellLost logs, once a second, what advance has told subscribers of.
func (r *storeClient) tellLost(l *loop) {
	if r.lost > 0 {
		l.log.Warn("the store has let go of messages that were not delivered yet; all subscribers are told of the gap",
			"messages", r.lost, "before", l.newest)
		r.lost = 0
	}
}

// leftOut tells everybody that numbers behind one were left out, once for all up to
// the store's newest: where it has let go of some there are holes upon holes, and a
// gap before each message would drown them.
func (l *loop) leftOut(after uint64) {
	l.store.told = max(l.newest, l.store.Newest())
	l.store.lost += l.newest - after
	l.tellAll(sse.Gap{Reason: sse.GapExpired, Asked: l.idOf(after), Newest: l.idOf(l.store.told), CompleteAfter: l.idOf(l.store.told)})
}

// begin begins with another epoch.
func (l *loop) begin(epoch string, newest uint64) {
	if epoch == l.epoch && newest >= l.newest {
		return
	}
	asked := l.newestID()
	again := l.epoch != ""
	l.forgetAll()
	l.forgetReads(math.MaxUint64)
	// What they miss is gone with its numbers, which mean something else now.
	for s := range l.replays.of {
		l.retryMidReplay(s, l.retryTime(), reasonStore)
	}
	l.epoch, l.newest = epoch, newest
	l.store.told, l.store.before = 0, newest
	l.history.Raise(newest)
	l.indexChanged()
	if again {
		l.log.Warn("the store has lost what it had; all subscribers are told of the gap", "epoch", epoch, "newest", newest)
		l.tellAll(sse.Gap{Reason: sse.GapEpoch, Asked: asked, Newest: l.newestID(), CompleteAfter: l.newestID()})
	}
}

// forgetAll begins an empty history that keeps whatever there is room for.
func (l *loop) forgetAll() {
	l.history = history.New(l.opts.HistoryBytesMax, func(string) history.Retention {
		return history.Retention{Messages: math.MaxInt}
	})
}

// tellAll tells every subscriber of a gap.
func (l *loop) tellAll(g sse.Gap) {
	frame := l.appendGap(nil, g)
	if len(frame) == 0 {
		return
	}
	l.matched = l.index.AppendAll(nil)
	l.deliver(frame)
	l.stats.Gaps += uint64(l.stats.Subscribers)
	l.indexChanged()
}
