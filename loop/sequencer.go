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

// past is the messages that were published before: their numbers, the newest of them in
// memory, and the replays of subscribers that have missed some.
type past struct {
	window    window
	sequencer sequencer
	replays   replays
}

// A sequencer decides how messages get their numbers, how long they are kept, and what a
// returning subscriber is sent. It has two implementations:
//
//	memorySequencer  numbers messages in the order in which the loop publishes them, and
//	                 keeps the newest of them in the window
//	storeSequencer   submits messages to a Store, publishes them as they come back with
//	                 their numbers, and reads from the Store what the window no longer has
//
// The loop calls it, on its own goroutine. Other goroutines call publish, sink, refuse and,
// once the loop has ended, close.
type sequencer interface {
	// publish accepts a checked message of Server.Publish. It returns once the message
	// is certain to be published. Any goroutine may call it.
	publish(ctx context.Context, l *Loop, namespace string, m sse.Message) error
	// sink returns where publishers on a loop of their own publish. Any goroutine may
	// call it.
	sink(l *Loop) publish.Sink
	// replierFor returns where a publisher on this loop publishes.
	replierFor(l *Loop, p *publisher) replier
	// full reports whether publishers must wait: reading more of them would exceed what
	// may be under way.
	full() bool
	// receive handles one record of the mailbox.
	receive(l *Loop, r record)

	// live reports whether subscribers can be taken. Until then they are told to come
	// back.
	live() bool
	// resume finds where a new subscriber of a set begins. It gets a copy of what the request
	// asks for: behind an interface, a pointer would move the request to the heap.
	resume(l *Loop, ask subreq.Resume, set nsindex.Set) resumePoint
	// next returns what a replay does next. See replay.go.
	next(l *Loop, s *subscriber, r *replay) step

	// onWake handles what other goroutines have finished since the last call.
	onWake(l *Loop)
	// everySecond is called once a second.
	everySecond(l *Loop)
	// stopAccepting stops accepting messages, where that can be done before the loop has
	// stopped. Shutdown calls it, on its own goroutine.
	stopAccepting(l *Loop)
	// settled reports, while the server ends, whether every accepted message is
	// published or will never be. Nothing is accepted from then on.
	settled(l *Loop) bool
	// close releases what the sequencer holds. The loop has ended.
	close()
}

// A HistoryRule says how much is kept of each namespace at and below a prefix.
type HistoryRule struct {
	Prefix   string        // a namespace; "/" is for all that have no other rule
	Messages int           // the newest so many; 0: none
	Age      time.Duration // none that is older; 0: no such limit
}

// newSequencer returns the sequencer of a configuration, and its window. wake makes the
// loop call onWake; any goroutine may call it.
func newSequencer(opts *Config, wake func()) (sequencer, window) {
	if opts.Store != nil {
		return newStored(opts.Store, wake), window{kept: keepAll(opts.HistoryBytesMax)}
	}
	return memorySequencer{}, newWindow(opts.History, opts.HistoryBytesMax)
}

// newWindow returns a window that keeps what the rules say. Its epoch is new, since the
// numbers of an earlier process are lost.
func newWindow(rules []HistoryRule, bytesMax int) window {
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

// memorySequencer is the sequencer of a daemon without a store.
type memorySequencer struct{}

// errNoKeys refuses a message with a key where no repetition would be recognized.
var errNoKeys = errors.New("loop: the message has a key, but without a Store repeated keys are not recognized")

func (memorySequencer) publish(ctx context.Context, l *Loop, namespace string, m sse.Message) error {
	if m.Key != "" {
		return errNoKeys
	}
	_, err := l.mailbox.put(ctx, []byte(namespace), []byte(m.Event), m.Data)
	return err
}

func (memorySequencer) sink(l *Loop) publish.Sink                { return l.mailbox }
func (memorySequencer) replierFor(l *Loop, _ *publisher) replier { return directReplier{l} }
func (memorySequencer) full() bool                               { return false }
func (memorySequencer) receive(l *Loop, r record)                { l.publishFramed(r.namespace, r.frame) }
func (memorySequencer) live() bool                               { return true }
func (memorySequencer) onWake(*Loop)                             {}
func (memorySequencer) everySecond(*Loop)                        {}
func (memorySequencer) close()                                   {}

// stopAccepting closes the mailbox before the loop is asked to stop: once the loop finds it
// empty, nothing may come.
func (memorySequencer) stopAccepting(l *Loop) { l.mailbox.close() }
func (memorySequencer) settled(*Loop) bool    { return true }

// resume begins in the window. An id ahead of the newest message was not given by this
// process, so it is as good as malformed.
func (memorySequencer) resume(l *Loop, ask subreq.Resume, set nsindex.Set) resumePoint {
	w, members, now := &l.window, set.Members(), l.wheel.now
	if w.kept == nil {
		return resumePoint{}
	}
	status, seq := w.classify(ask.ID)
	b := w.findStart(status, seq, &ask, members, now)
	return w.fromMemory(b, &ask, members, w.kept.Lost(members, b.after, now))
}

// next reads the next part from the window, or reports what the window has dropped since
// the replay began.
func (memorySequencer) next(l *Loop, s *subscriber, r *replay) step {
	set := s.audience.set.Members()
	if lost := l.window.lostOf(r, set, l.wheel.now); lost > r.reported {
		r.reported = lost
		return gapStep(l.window.gap(sse.GapExpired, []byte(l.window.idOf(r.after)), set, r.after, r.until, lost))
	}
	return l.readWindow(r, set)
}
