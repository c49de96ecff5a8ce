package loop

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/inbox"
	"github.com/ssed/ssed/internal/openfiles"
)

// A Loop is one event loop: every subscriber and publisher on it, and all that it takes to
// move messages between them. Make it with New, Run it once, and Close it in any case. Its
// exported methods may be called from any goroutine, unless they say otherwise. Its parts are
// embedded by value, and each is declared in the file that works on it.
//
// From Run on, one goroutine of gnet's owns a Loop. Before that, the goroutine that calls New
// and Run does; after Run has returned, the one that calls Close. While the loop runs, other
// goroutines may touch only this:
//
//	opts, log, the pointers wakeup, calls,
//	mailbox, watch, and sequencer          set by New, and never changed
//	wakeup                                 notify is safe for any goroutine
//	mailbox                                has a lock, held while one message is copied
//	calls, authRequests.decided,
//	storeSequencer.acks, storeReads.done   inbox.Inbox: a lock, held while one item is added
//	sequencer: publish, sink, refuse       use only what is listed here, and the Store
//	hooks.queue                            has a lock of its own: see internal/callbacks
//	lifecycle.ready, lifecycle.done        closed once
//	reactor.elapsed, admission.handed,
//	lifecycle.stop, unixClosing.done,
//	storeSequencer.unacked and .acked      atomic
//	admission.tokens                       an atomic pointer to a table that nobody changes;
//	                                       the hub shares it
//	reactor.enrollTo                       set by gnet's ticker before it calls
//	                                       Listeners.Accept, and read by Enroll after that
//
// All of these are on the way into the loop or out of it. A message that the loop reads
// itself takes no lock and waits for no other goroutine from its publisher's bytes to its
// subscribers' sockets, unless a Store has to number it.
type Loop struct {
	opts   Config
	log    *slog.Logger
	wakeup *wakeup
	calls  *inbox.Inbox[func(*Loop)]
	stats  tally

	lifecycle         // drain.go: how far the end has come
	reactor           // engine.go: gnet
	wheel       wheel // wheel.go: every deadline
	admission         // pending.go: connections that have not subscribed yet
	publishers        // intake.go: publishers' connections and the mailbox
	fanout            // fanout.go: from a namespace to streams
	backlog           // backlog.go: sockets that are full
	past              // sequencer.go: numbers, the window, replays
	subscribers       // snapshot.go: all subscribers
	observers         // eventlog.go: what others learn of all this
}

// New makes a Loop. It does not run yet, but PublishMessage may be called: what comes
// before Run waits in the mailbox.
func New(opts Config) (*Loop, error) {
	wakeup, err := newWakeup()
	if err != nil {
		return nil, fmt.Errorf("loop: cannot create the wakeup: %w", err)
	}
	watch, err := newWatch()
	if err != nil {
		wakeup.close()
		return nil, fmt.Errorf("loop: cannot create the writability watch: %w", err)
	}
	sequencer, window := newSequencer(&opts, wakeup.notify)
	l := &Loop{
		opts:      opts,
		log:       opts.Logger,
		wakeup:    wakeup,
		calls:     inbox.New[func(*Loop)](wakeup.notify),
		lifecycle: lifecycle{ready: make(chan struct{}), done: make(chan struct{})},
		reactor: reactor{
			fdMax: openfiles.Limit() - min(openfiles.Reserve, openfiles.Limit())/2,
		},
		admission: admission{
			parser:       httpparse.Parser{HeadBytesMax: opts.HeadBytesMax},
			origins:      opts.Origins,
			trust:        opts.Proxies,
			tokens:       opts.Tokens,
			authRequests: authRequests{waiting: map[*authRequest]bool{}, decided: inbox.New[*authRequest](wakeup.notify)},
			perAddress:   newPerAddress(opts.ConnsPerAddressMax),
		},
		publishers: publishers{session: opts.Session, mailbox: newMailbox(opts.MailboxBytesMax, wakeup)},
		backlog: backlog{
			watch:    watch,
			blocked:  map[uint32]waiting{},
			prefixes: prefixes{of: map[*subscriber]*prefix{}},
		},
		past: past{
			window:    window,
			sequencer: sequencer,
			replays:   replays{of: map[*subscriber]*replay{}},
		},
		subscribers: subscribers{clientInfos: clientInfos{}},
		observers:   observers{eventLog: newEventLog(opts.Logger), hooks: newHooks(opts.Reports)},
	}
	l.heads.setDate(time.Now())
	return l, nil
}

// onWake does the work that the loop was woken for.
func (l *Loop) onWake() gnet.Action {
	l.sequencer.onWake(l)
	l.admitWaiting()
	l.pumpWoken()
	for range l.elapsed.Swap(0) {
		l.turnWheel()
	}
	l.runCalls()
	l.authRequests.handleResults(l)
	if l.stop.Load() != stopNone && l.drain() {
		return gnet.Shutdown
	}
	l.schedulePass()
	return gnet.None
}

// turnWheel is the loop's clock: it comes once a tick.
func (l *Loop) turnWheel() {
	l.wheel.advance(func(c *client) {
		c.conn.Context().(peer).expire(l)
	})
	if l.wheel.now%(uint32(time.Second/tick)) == 0 {
		l.heads.setDate(time.Now())
		l.connBurst.release()
		l.eventLog.flushSuppressed(l)
		l.hooks.flushSuppressed(l.log)
		l.sequencer.everySecond(l)
	}
	l.window.sweep(l.wheel.now)
	l.releaseIdle()
}

// seconds is the time since the server's start.
func (l *Loop) seconds() uint32 { return l.wheel.now / uint32(time.Second/tick) }

// schedulePass asks gnet to run a pass when it has handled every socket that is
// ready: by then all publishers that have something were read.
func (l *Loop) schedulePass() {
	if l.round.empty() || l.round.scheduled || l.engine == nil {
		return
	}
	// It fails only when the engine is shutting down, which delivers nothing.
	l.round.scheduled = l.engine.Execute(context.Background(), gnet.RunnableFunc(l.runPass)) == nil
}
