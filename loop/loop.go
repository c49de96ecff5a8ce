package loop

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/inbox"
)

// A Loop is one event loop with its subscribers, publishers and streams. Make it with New,
// call Run once, and call Close even if Run was not called. Exported methods may be called from any
// goroutine unless their comments restrict that.
//
// Most of its state is in parts, which are structs embedded by value. Each part is declared in the
// file that is named behind its field.
//
// # Ownership
//
// The goroutine that calls New owns the Loop, and then the goroutine that calls Run, until gnet
// starts. From then on gnet's event-loop goroutine owns it. After Run has returned, the goroutine
// that calls Close owns it. While gnet runs, other goroutines may touch only these fields:
//
//	opts, shared, number, log, and the
//	variables wakeup, calls, mailbox,
//	watch and sequencer                    set by New and never changed; their contents: see below
//	the fields of *shared                  each is atomic, or has a lock, or is set before the first
//	                                       loop runs; window.shared is one of them
//	wakeup                                 any goroutine may call notify
//	mailbox                                has a lock, held while one message or one batch is
//	                                       copied, or the buffers are swapped
//	calls, authRequests.decided,
//	storeSequencer.acks, storeReads.done   an inbox.Inbox: has a lock, held while one item is added,
//	                                       all are taken, or some are put back
//	the methods publish, sink and
//	stopAccepting of sequencer             use only fields of this list, and the Store
//	hooks.queue                            has its own lock: see internal/callbacks
//	lifecycle.ready, lifecycle.done        channels that are closed once
//	reactor.elapsed, lifecycle.stop and
//	unixClosing.done                       atomic
//	lifecycle.last                         set by Close before it closes done, and read after that
//	admission.tokens                       an atomic pointer, shared with the hub, to a table
//	                                       that is never changed
//	wakeup.gnetEnd, watch.gnetEnd,
//	reactor.enrollTo                       gnet's ticker uses them in its first tick; Enroll
//	                                       reads enrollTo after that
//
// A message from a publisher on the loop takes no lock and waits for no other goroutine on its way
// to the sockets of its subscribers, unless a Store has to number it. With several loops, messages
// come from the feed. A loop then takes a lock only to empty its mailbox.
//
// # One turn
//
// In each turn, gnet waits for ready sockets and calls the peer of each one (see client.go). Then
// it runs the pass, if one is scheduled:
//
//	┌─► epoll_wait ─► for each ready socket:                 ─► runPass, if scheduled: ─┐
//	│                 pendingConn.traffic  may subscribe        write to subscribers    │
//	│                 publisher.traffic    appends to streams                           │
//	│                 subscriber.traffic   discards input                               │
//	│                 wakeup, watch        onWake                                       │
//	└───────────────────────────────────────────────────────────────────────────────────┘
//
// A pass that is scheduled in one turn normally runs at the end of the next: see schedulePass.
// makeRoom and evict run a pass earlier, in the middle of a turn.
//
// To gnet, the wakeup and the watch are two more sockets. Other goroutines and gnet's ticker make
// the wakeup ready. Full sockets that have drained make the watch ready. Work that does not fit
// into a turn stays queued, and the loop notifies the wakeup. So the next turn continues that work,
// and serves all other ready sockets too.
type Loop struct {
	opts   Config
	shared *Shared
	number int // of this loop, from 0
	log    *slog.Logger
	wakeup *wakeup
	calls  *inbox.Inbox[func(*Loop)]
	stats  tally

	lifecycle         // drain.go: how far the shutdown has come
	reactor           // engine.go: gnet
	wheel       wheel // wheel.go: every deadline
	admission         // pending.go: connections that have not subscribed yet
	publishers        // intake.go: publishers' connections and the mailbox
	fanout            // fanout.go: from a namespace to streams
	backlog           // backlog.go: connections whose sockets are full
	past              // sequencer.go: message numbers, the window, replays
	subscribers       // snapshot.go: all subscribers
	observers         // eventlog.go: the log, and the callbacks of the embedding program
}

// New makes a Loop, as the next loop of a daemon. The loop does not run yet, but PublishMessage may
// be called once all loops of the daemon are made. Without a Store, messages wait in the mailbox
// until Run, and a call waits if the mailbox is full. With a Store, the message goes to the Store,
// and the call waits for its ack.
func New(opts Config, shared *Shared) (*Loop, error) {
	wakeup, err := newWakeup()
	if err != nil {
		return nil, fmt.Errorf("loop: cannot create the wakeup: %w", err)
	}
	watch, err := newWatch()
	if err != nil {
		wakeup.close()
		return nil, fmt.Errorf("loop: cannot create the writability watch: %w", err)
	}
	sequencer, window := newSequencer(&opts, shared, wakeup.notify)
	l := &Loop{
		opts:      opts,
		shared:    shared,
		log:       opts.Logger,
		wakeup:    wakeup,
		calls:     inbox.New[func(*Loop)](wakeup.notify),
		lifecycle: lifecycle{ready: make(chan struct{}), done: make(chan struct{})},
		admission: admission{
			parser:       httpparse.Parser{HeadBytesMax: opts.HeadBytesMax},
			origins:      opts.Origins,
			trust:        opts.Proxies,
			tokens:       opts.Tokens,
			authRequests: authRequests{waiting: map[*authRequest]bool{}, decided: inbox.New[*authRequest](wakeup.notify)},
		},
		publishers: publishers{session: opts.Session, mailbox: newMailbox(opts.MailboxBytesMax, wakeup)},
		backlog: backlog{
			watch:    watch,
			blocked:  map[uint32]waiting{},
			numbers:  &shared.numbers,
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
	l.number = shared.add(l)
	return l, nil
}

// onWake does the work that other goroutines, the clock and drained sockets have caused. The wakeup
// and the watch call it, at most once each per turn.
//
// The sequencer comes first: it sends the replies that the Store's acks allow, lets gnet read their
// publishers again, and queues the replays whose parts were read. pumpWoken continues those. The
// drain comes near the end, so that replies are sent and messages are published before the loop
// stops. Calls and decisions that arrived before it are handled too, as far as their time limits
// allow.
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

// turnWheel advances the clock by one tick: it expires the deadlines that are due, and does the
// work that is due once a tick or once a second.
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
	if l.number == 0 || l.shared.feed == nil {
		l.window.sweep(l.wheel.now)
	}
	l.releaseIdle()
	l.publishBacklog()
}

// seconds returns the time since the loop started, in seconds.
func (l *Loop) seconds() uint32 { return l.wheel.now / uint32(time.Second/tick) }

// schedulePass asks gnet to call runPass. gnet normally does so at the end of the next turn: it
// first looks for ready sockets once more, without waiting, and handles all of them. By then the
// loop has read every publisher that had sent something, so that one pass delivers the messages of
// all of them. schedulePass does nothing if there is nothing to deliver.
func (l *Loop) schedulePass() {
	if l.round.empty() || l.round.scheduled || l.engine == nil {
		return
	}
	// Execute fails only while the engine shuts down, and then nothing is delivered any more.
	l.round.scheduled = l.engine.Execute(context.Background(), gnet.RunnableFunc(l.runPass)) == nil
}
