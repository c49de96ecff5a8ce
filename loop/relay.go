package loop

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/internal/history"
	"github.com/ssed/ssed/sse"
)

// A Relay is a hub that this server shares with others, or that outlives it. What
// is published goes to the hub, and comes back by the Inlet with its number: the
// server numbers nothing by itself, and what it keeps is only the newest part of
// what the hub has.
//
// All methods may be called from any goroutine.
type Relay interface {
	// Submit hands a checked message in. It does not wait, and keeps none of the
	// message's slices. The answer comes later, once; those to one caller come in
	// the order of its calls. The loop calls it.
	Submit(m Submission, to Answerer)
	// Full tells whether as much is on its way as may be, so that the next Submit
	// should wait for an answer. The loop calls it.
	Full() bool
	// Wait returns once it is not Full. The error is the context's.
	Wait(ctx context.Context) error
	// Read reads what the hub has kept. It may take as long as ctx lasts.
	Read(ctx context.Context, q Query) (Part, error)
	// Newest is the number of the newest message that is known to be in the hub.
	// It is never less than what the Inlet was given. The loop calls it.
	Newest() uint64
}

// A Submission is one message on its way to the hub.
type Submission struct {
	Namespace, Event []byte
	Key              []byte // makes a repetition harmless; empty: none
	Data             []byte
}

// An Answerer is told what became of one Submission: that the hub has it, and its
// number there, or an error, which becomes the publisher's ERR.
type Answerer interface {
	Answer(seq uint64, err error)
}

// A Query asks for a part of what the hub has kept of a set: what is behind the
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
	Newest uint64 // of all messages in the hub, when it was asked
}

// An Inlet is how a Relay's messages come into the loop. Its methods wait while the
// mailbox is full; their errors are the context's, or wrap publish.ErrBusy when the
// server has ended. They are for one goroutine.
type Inlet struct{ box *mailbox }

// Inlet is where a Relay delivers.
func (s *Server) Inlet() Inlet { return Inlet{s.loop.box} }

// The words of a Relay: a record with one of these has no namespace.
const (
	wordPass  = 'p'
	wordBegin = 'b' // an epoch follows
	wordLive  = 'l'
	wordTrim  = 't'
)

// Begin tells where the messages begin that will be delivered: behind a number, in
// an epoch that all servers at the hub have in common. If there was another before,
// or a larger number was delivered, the hub has lost messages that it had, and
// everybody is told of the gap.
func (i Inlet) Begin(ctx context.Context, epoch string, newest uint64) error {
	return i.word(ctx, newest, append([]byte{wordBegin}, epoch...))
}

// Live tells that what was published before the server came is delivered: from now
// on it takes subscribers.
func (i Inlet) Live(ctx context.Context) error { return i.word(ctx, 0, []byte{wordLive}) }

// Deliver brings the message with a number. What was delivered before is passed
// over. If numbers are left out, everybody is told of the gap, once for all up to the
// hub's newest; before Live there is nobody to tell.
func (i Inlet) Deliver(ctx context.Context, seq uint64, namespace, event, data []byte) error {
	_, err := i.box.putNumbered(ctx, seq, namespace, event, data)
	return err
}

// Pass tells that the message with a number is none that can be delivered.
func (i Inlet) Pass(ctx context.Context, seq uint64) error {
	return i.word(ctx, seq, []byte{wordPass})
}

// Trim tells that the hub has let go of its messages up to a number. Nobody gets them
// any more.
func (i Inlet) Trim(ctx context.Context, until uint64) error {
	return i.word(ctx, until, []byte{wordTrim})
}

func (i Inlet) word(ctx context.Context, seq uint64, word []byte) error {
	_, err := i.box.putNumbered(ctx, seq, nil, nil, word)
	return err
}

// relay is what the loop knows of its Relay. The first part is for other
// goroutines, too.
type relay struct {
	Relay  // nil: there is none
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
	running    int       // reads of the hub that are under way
	lined      []*flight // those that wait for that
	asking     *flight   // the one of these that asks for no more than what is newest
	flights    map[flightKey]*flight
	parts      []*flight // those of flights that are done, the oldest first
	partsBytes int
	answers    []answer // scratch
}

// submit hands a message to the hub.
func (l *loop) submit(m Submission, to Answerer) error {
	l.relay.owed.Add(1) // before it is asked whether the server ends: the end waits for what is owed
	if l.stop.Load() != stopNot {
		l.relay.owed.Add(-1)
		return errStopping
	}
	l.relay.Submit(m, to)
	return nil
}

// answered notes that a submission was answered.
func (l *loop) answered(seq uint64, err error) {
	if err == nil {
		for acked := l.relay.acked.Load(); acked < seq && !l.relay.acked.CompareAndSwap(acked, seq); {
			acked = l.relay.acked.Load()
		}
	}
	if l.relay.owed.Add(-1) == 0 && l.stop.Load() != stopNot {
		l.bell.ring()
	}
}

// relayed takes one record of the hub's.
func (l *loop) relayed(r record) {
	switch {
	case len(r.namespace) > 0:
		if l.advance(r.seq) {
			l.publishFramed(r.namespace, r.frame)
		}
	case r.frame[0] == wordPass:
		if l.advance(r.seq) {
			l.newest++
		}
	case r.frame[0] == wordTrim:
		l.history.Raise(min(r.seq, l.newest))
		l.forgetReads(r.seq)
	case r.frame[0] == wordLive:
		l.relay.live, l.relay.liveAt, l.relay.before = true, l.wheel.now, l.newest
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
		if l.relay.live && lost > l.relay.told {
			l.leftOut(after)
		}
	}
	return true
}

// tellLost logs, once a second, what advance has told subscribers of.
func (r *relay) tellLost(l *loop) {
	if r.lost > 0 {
		l.log.Warn("the store has let go of messages that were not delivered yet; all subscribers are told of the gap",
			"messages", r.lost, "before", l.newest)
		r.lost = 0
	}
}

// leftOut tells everybody that numbers behind one were left out, once for all up to
// the hub's newest: where it has let go of some there are holes upon holes, and a
// gap before each message would drown them.
func (l *loop) leftOut(after uint64) {
	l.relay.told = max(l.newest, l.relay.Newest())
	l.relay.lost += l.newest - after
	l.tellAll(sse.Gap{Reason: sse.GapExpired, Asked: l.idOf(after), Newest: l.idOf(l.relay.told), CompleteAfter: l.idOf(l.relay.told)})
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
		l.sendAway(s, l.retryTime(), reasonRelay)
	}
	l.epoch, l.newest = epoch, newest
	l.relay.told, l.relay.before = 0, newest
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
	l.hearers = l.index.AppendAll(nil)
	l.deliver(frame)
	l.stats.Gaps += uint64(l.stats.Subscribers)
	l.indexChanged()
}
