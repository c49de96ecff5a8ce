package loop

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ssed/ssed/internal/history"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// past is the state for messages that were already published: their numbers, the newest of them in
// memory, and the replays of subscribers that missed some.
type past struct {
	window    window
	sequencer sequencer
	replays   replays
}

// A sequencer decides how messages get their numbers, how long they are kept, and which of them a
// reconnecting subscriber gets. It has two implementations:
//
//	memorySequencer  numbers messages in the order in which the loop publishes them, and keeps
//	                 the newest of them in the window; with several loops, the feed does both
//	storeSequencer   submits messages to a Store, publishes them when they return with their
//	                 numbers, and reads from the Store the messages that the window has dropped
//
// The loop calls all methods on its own goroutine, except for publish, sink, stopAccepting and,
// once the loop has ended, close. Other goroutines call these four.
type sequencer interface {
	// publish accepts a checked message of Server.Publish. It returns once the message is certain
	// to be published. Any goroutine may call it.
	publish(ctx context.Context, l *Loop, namespace string, m sse.Message) error
	// sink returns the sink for publishers on another event loop. Any goroutine may call it.
	sink(l *Loop) publish.Sink
	// replierFor returns the replier for one publisher on this loop.
	replierFor(l *Loop, p *publisher) replier
	// full reports whether publishers must wait, because reading more of them would exceed the
	// limit for messages in flight.
	full() bool
	// receive handles one record of the mailbox.
	receive(l *Loop, r record)

	// live reports whether subscribers can be accepted. Until then they are asked to retry later.
	live() bool
	// resume finds the place where a new subscriber of a set starts. ask is passed by value: a
	// pointer that goes through an interface would move the request to the heap.
	resume(l *Loop, ask subreq.Resume, set nsindex.Set) resumePoint
	// next returns the next step of a replay. See replay.go.
	next(l *Loop, s *subscriber, r *replay) step

	// onWake handles results that other goroutines have queued since the last call.
	onWake(l *Loop)
	// everySecond is called once a second.
	everySecond(l *Loop)
	// stopAccepting makes later messages fail, if that is possible before the loop stops.
	// StartDrain calls it on its own goroutine.
	stopAccepting(l *Loop)
	// settled reports, during a shutdown, whether every accepted message is published or will never
	// be. Once it has returned true, nothing is accepted any more.
	settled(l *Loop) bool
	// close releases the resources of the sequencer. It is called after the loop has ended.
	close()
}

// A HistoryRule limits how much is kept of each namespace at or below a prefix.
type HistoryRule struct {
	Prefix   string        // a namespace; "/" applies to all namespaces without another rule
	Messages int           // how many of the newest messages are kept; 0: none
	Age      time.Duration // older messages are dropped; 0: no limit
}

// newSequencer returns the sequencer and the window for a configuration. The sequencer calls wake,
// from any goroutine, to make the loop call onWake.
func newSequencer(opts *Config, shared *Shared, wake func()) (sequencer, window) {
	w := shared.window
	if shared.feed == nil {
		w = newWindow(opts)
	}
	if opts.Store != nil {
		return newStoreSequencer(opts.Store, &shared.flow, max(1, readsMax/shared.size), wake), w
	}
	return memorySequencer{}, w
}

// newWindow returns a window that keeps messages as the options require.
func newWindow(opts *Config) window {
	if opts.Store != nil {
		return window{kept: keepAll(opts.HistoryBytesMax)}
	}
	return newMemoryWindow(opts.History, opts.HistoryBytesMax)
}

// newMemoryWindow returns a window that keeps messages as the rules require. It has a new epoch,
// because the numbers of an earlier process are lost.
func newMemoryWindow(rules []HistoryRule, bytesMax int) window {
	if !slices.ContainsFunc(rules, func(r HistoryRule) bool { return r.Messages > 0 }) {
		return window{}
	}
	kept := history.New(bytesMax, func(ns string) history.Retention {
		for _, r := range rules {
			if nsindex.Within([]byte(ns), r.Prefix) {
				return history.Retention{Messages: r.Messages, Age: ticks(r.Age)}
			}
		}
		return history.Retention{}
	})
	return window{kept: kept, epoch: sse.NewEpoch(rand.Uint64())}
}

// memorySequencer is the sequencer of a daemon without a Store.
type memorySequencer struct{}

// errNoKeys rejects a message with a key, because without a Store the loop cannot recognize a
// repeated key.
var errNoKeys = errors.New("loop: the message has a key, but without a Store repeated keys are not recognized")

func (memorySequencer) publish(ctx context.Context, l *Loop, namespace string, m sse.Message) error {
	if m.Key != "" {
		return errNoKeys
	}
	_, err := l.inlet().put(ctx, []byte(namespace), []byte(m.Event), m.Data)
	return err
}

func (memorySequencer) sink(l *Loop) publish.Sink                { return l.inlet().sink() }
func (memorySequencer) replierFor(l *Loop, _ *publisher) replier { return directReplier{l} }
func (memorySequencer) full() bool                               { return false }
func (memorySequencer) receive(l *Loop, r record)                { l.publishRecord(r) }
func (memorySequencer) live() bool                               { return true }
func (memorySequencer) onWake(*Loop)                             {}
func (memorySequencer) everySecond(*Loop)                        {}
func (memorySequencer) close()                                   {}

// stopAccepting closes the mailbox or the feed before the loop is asked to stop. So when the loop
// finds its mailbox empty after that, no more messages can arrive.
func (memorySequencer) stopAccepting(l *Loop) { l.inlet().close() }
func (memorySequencer) settled(*Loop) bool    { return true }

// resume starts in the window. A client may have got its newest message from a loop that is ahead
// of this one. It must retry soon, when this loop has delivered that message too. This process has
// never assigned any other id that is ahead, so such an id is treated like a malformed one.
func (memorySequencer) resume(l *Loop, ask subreq.Resume, set nsindex.Set) resumePoint {
	w, members, now := &l.window, set.Members(), l.window.now(l.wheel.now)
	if w.kept == nil {
		return resumePoint{}
	}
	w.acquire() // the epoch never changes
	defer w.release()
	status, seq := w.classify(ask.ID)
	if status == idAhead && w.hasElsewhere(seq) {
		return resumePoint{tooEarly: true}
	}
	b := w.findStart(status, seq, &ask, members, now)
	return w.fromMemory(b, &ask, members, w.lostAfter(members, b.after, now))
}

// next reads the next part from the window, or reports a gap if the window has dropped messages
// since the replay began.
func (memorySequencer) next(l *Loop, s *subscriber, r *replay) step {
	l.window.acquire()
	defer l.window.release()
	set := s.audience.set.Members()
	if lost := l.window.lostOf(r, set, l.window.now(l.wheel.now)); lost > r.reported {
		r.reported = lost
		return gapStep(l.window.gap(sse.GapExpired, []byte(l.window.idOf(r.after)), set, r.after, r.until, lost))
	}
	return l.readWindow(r, set)
}
