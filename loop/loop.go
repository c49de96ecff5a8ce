package loop

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/httpparse"
	"github.com/ssed/ssed/internal/stream"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A loop is the state of the event loop. Everything in it belongs to one
// goroutine, gnet's, except where the first block says otherwise.
type loop struct {
	// Shared with other goroutines, and made for it.
	opts    Options
	log     *slog.Logger
	wakeup  *wakeup
	box     *mailbox
	watch   *watch
	elapsed atomic.Uint32 // ticks that the wheel has yet to turn
	calls   calls
	tokens  atomic.Pointer[auth.Table]
	ready   <-chan struct{} // closed once all that gnet serves from the start is registered
	handed  atomic.Int32    // connections that were handed over, and are open
	stop    atomic.Int32    // stopNot, stopDrain, stopNow

	fdMax        int            // descriptors from here on are not for connections
	engine       gnet.EventLoop // known from the first connection on
	listeners    roles
	wheel        wheel
	parser       httpparse.Parser
	request      httpparse.Request // scratch: it is large, and alive only within one call
	session      *publish.Config
	replies      []byte // scratch for one publisher's replies
	records      []byte // the mailbox's other buffer
	intake       intake
	woken        []uint32 // numbers of waiters whose sockets have drained and that are still to be pumped
	wokenSpare   []uint32
	heads        heads
	origins      subreq.Origins
	trust        trust
	clientInfos  clientInfos
	authRequests authRequests

	freePending     []*pendingConn // for reuse by the next connections
	perAddress      perAddress
	subscribersByFD subscribersByFD
	connBurst       connBurst
	eventLog        eventLog
	hooks           *hooks // nil: there are none

	index         nsindex.Index[*audience]
	audiences     uint64      // how many there ever were
	matched       []*audience // audiences that the last message went to
	retained      bool        // the last message has an id and is kept in the history
	matchedNS     []byte      // namespace of the last message; empty: the index has changed since
	frame         []byte      // scratch
	pool          stream.Pool
	blocked       map[uint32]waiting
	prefixes      prefixes
	replays       replays
	window        window
	sequencer     sequencer
	number        uint32 // the last number given to a waiter
	round         round
	budget        budget
	holdingMemory []*audience // audiences whose streams hold memory: see releaseIdle
	leaving       bool        // the end has come so far that subscribers leave
	left          uint32      // tick at which the last of them had not left yet
	unixClosing   unixClosing

	stats tally
}

// How far the end has come.
const (
	stopNot   int32 = iota
	stopDrain       // nothing new is taken; what was accepted is delivered
	stopNow         // no more waiting
)

// Publish makes the loop a publish.Sink for the publishers that it reads
// itself: a line is framed and appended where it was read.
func (l *loop) Publish(namespace, event, data []byte) (uint64, error) {
	if l.stop.Load() != stopNot {
		return 0, publish.ErrStopping
	}
	l.match(namespace)
	frame := l.frame[:0]
	if l.retained {
		frame = l.window.appendID(frame)
	}
	if len(l.matched) > 0 || l.retained {
		l.frame = sse.AppendFrame(frame, event, data)
		l.keepAndDeliver(namespace, l.frame)
	}
	l.published()
	return l.window.newest, nil
}

// published counts a message.
func (l *loop) published() {
	l.window.newest++
	l.stats.Published++
}

// publishFramed does the same for a message from the mailbox, which was framed
// by whoever put it there.
func (l *loop) publishFramed(namespace, frame []byte) {
	l.match(namespace)
	if l.retained {
		l.frame = append(l.window.appendID(l.frame[:0]), frame...)
		frame = l.frame
	}
	l.keepAndDeliver(namespace, frame)
	l.published()
}

// keepAndDeliver adds the frame to the history and to every matching stream.
func (l *loop) keepAndDeliver(namespace, frame []byte) {
	if l.retained {
		l.window.add(namespace, frame, l.wheel.now)
	}
	if len(l.matched) > 0 {
		l.deliver(frame)
	}
}

// match sets l.matched and l.retained for a namespace. Messages come in runs of one
// namespace, so the last result is kept until the index changes.
func (l *loop) match(namespace []byte) {
	if !bytes.Equal(namespace, l.matchedNS) {
		l.matchIndex(namespace)
	}
}

// matchIndex asks the index and the window.
func (l *loop) matchIndex(namespace []byte) {
	l.retained = l.window.keeps(namespace)
	l.matched = l.index.AppendMatches(l.matched[:0], namespace)
	l.matchedNS = append(l.matchedNS[:0], namespace...)
}

// indexChanged makes match ask the index again.
func (l *loop) indexChanged() {
	l.matched, l.matchedNS = nil, l.matchedNS[:0] // deliver may be going through the old ones
}

// deliverToAll delivers a gap event to every subscriber.
func (l *loop) deliverToAll(g sse.Gap) {
	frame := l.appendGap(nil, g)
	if len(frame) == 0 {
		return
	}
	l.matched = l.index.AppendAll(nil)
	l.deliver(frame)
	l.stats.Gaps += uint64(l.stats.Subscribers)
	l.indexChanged()
}

// deliver appends one frame to the stream of each audience in l.matched. Each stream
// has a copy, so a long message that matches many sets is delivered in parts if all
// copies together would be too much.
func (l *loop) deliver(frame []byte) {
	matched := l.matched
	for _, a := range matched {
		if cost := a.stream.Cost(len(frame)); cost > 0 && l.backlogBytes()+cost > l.opts.BacklogTotalBytesMax {
			l.evict(cost + l.opts.BacklogTotalBytesMax/evictPart)
		}
		if len(a.subscribers) == 0 {
			continue // the last of them was closed for that
		}
		a.stream.Append(frame)
		l.stats.Deliveries += uint64(len(a.subscribers))
		a.used = true
		if !a.inRound || a.unvisited < len(a.subscribers) {
			l.round.add(a)
			l.trackMemory(a)
		}
	}
	l.round.bytes += len(frame) * len(matched)
}

// onWake does the work that the loop was woken for.
func (l *loop) onWake() gnet.Action {
	l.sequencer.onWake(l)
	l.admitWaiting()
	l.pumpWoken()
	for range l.elapsed.Swap(0) {
		l.turnWheel()
	}
	l.calls.run(l)
	l.handleAuthResults()
	if l.stop.Load() != stopNot && l.drain() {
		return gnet.Shutdown
	}
	l.schedulePass()
	return gnet.None
}

// pumpWoken goes on with those whose sockets have drained, as far as this turn's
// budget goes. The rest wait for the next one.
func (l *loop) pumpWoken() {
	if len(l.woken) == 0 {
		l.wokenSpare = l.watch.appendReady(l.wokenSpare[:0])
		l.woken = l.wokenSpare
	}
	l.budget.renew(time.Now())
	for len(l.woken) > 0 && l.budget.spend() {
		if w, ok := l.blocked[l.woken[0]]; ok {
			w.writable(l)
		}
		l.woken = l.woken[1:]
	}
	l.pumpReplays()
	if len(l.woken) > 0 || len(l.replays.queue) > 0 {
		l.wakeup.notify()
	}
}

// turnWheel is the loop's clock: it comes once a tick.
func (l *loop) turnWheel() {
	l.wheel.advance(func(c *client) {
		c.conn.Context().(peer).expire(l)
	})
	if l.wheel.now%(uint32(time.Second/tick)) == 0 {
		l.heads.setDate(time.Now())
		l.releaseMemory()
		l.eventLog.flushSuppressed(l)
		l.hooks.flushSuppressed(l.log)
		l.sequencer.everySecond(l)
	}
	l.window.sweep(l.wheel.now)
	l.releaseIdle()
}

// seconds is the time since the server's start.
func (l *loop) seconds() uint32 { return l.wheel.now / uint32(time.Second/tick) }

// schedulePass asks gnet to run a pass when it has handled every socket that is
// ready: by then all publishers that have something were read.
func (l *loop) schedulePass() {
	if l.round.empty() || l.round.scheduled || l.engine == nil {
		return
	}
	// It fails only when the engine is shutting down, which delivers nothing.
	l.round.scheduled = l.engine.Execute(context.Background(), gnet.RunnableFunc(l.runPass)) == nil
}

// A waiter is a connection whose socket is full.
type waiter interface {
	// writable is called when its socket can take more.
	writable(l *loop)
}

// waiting is a waiter while it waits.
type waiting struct {
	waiter
	unsent int // bytes that its socket held when checkStall last looked
}

// await has w called when fd can take more. watched tells whether fd was
// registered before. number is what w was known by, 0 if by none. It returns the
// number that w stands under in loop.blocked.
func (l *loop) await(w waiter, fd int, number uint32, watched bool) (uint32, error) {
	if _, taken := l.blocked[number]; taken || number == 0 {
		number = l.nextNumber()
	}
	var err error
	if watched {
		err = l.watch.again(fd, number)
	} else {
		err = l.watch.add(fd, number)
	}
	if err == nil {
		l.blocked[number] = waiting{waiter: w}
	}
	return number, err
}

// nextNumber finds a number that no waiter has. They begin anew after four
// billion; 0 is nobody's.
func (l *loop) nextNumber() uint32 {
	for {
		l.number++
		if _, taken := l.blocked[l.number]; l.number != 0 && !taken {
			return l.number
		}
	}
}
