package loop

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/publish"
)

// reactor is what a loop has of gnet.
type reactor struct {
	engine    gnet.EventLoop // known from the first connection on
	epoll     int            // gnet's epoll instance: see intake.go
	fdMax     int            // descriptors from here on are not for connections
	listeners roles          // what the connections of each listener are
	enrollTo  gnet.EventLoop // what Enroll gives connections to; set before Listeners.Accept is called
	elapsed   atomic.Uint32  // ticks that the wheel has yet to turn; any goroutine
}

// events is what gnet calls. It calls OnOpen, OnTraffic and OnClose on the loop's goroutine,
// and OnBoot and OnTick on others. OnBoot sets options of the listeners. The first OnTick
// registers the wakeup and the watch, before anything else can reach the loop. Later ones only
// count a tick and notify the wakeup.
type events struct {
	gnet.BuiltinEventEngine
	loop   *Loop
	booted func() // called once, when gnet listens
	ticked func() // called once, when the loop is running
	engine gnet.Engine
	err    error // why the loop cannot work; known once the wakeup is installed
}

func (e *events) OnBoot(engine gnet.Engine) gnet.Action {
	e.engine = engine
	e.booted()
	return gnet.None
}

// OnTick drives the wheel. The first one is also the first moment at which gnet
// can register a connection of ours, so the wakeup is installed then.
func (e *events) OnTick() (time.Duration, gnet.Action) {
	if e.ticked != nil {
		e.ticked()
		e.ticked = nil
	}
	e.loop.elapsed.Add(1)
	e.loop.wakeup.notify()
	return tick, gnet.None
}

// register gives gnet a connection of ours, whose peer is on the loop.
func (e *events) register(p peer, conn net.Conn) (gnet.Conn, error) {
	ctx := gnet.NewContext(context.Background(), p)
	registered, err := e.engine.Register(gnet.NewNetConnContext(ctx, conn))
	if err != nil {
		return nil, err
	}
	result := <-registered
	if result.Err != nil {
		return nil, result.Err
	}
	return result.Conn, e.err // OnOpen has set it before the registration was answered
}

func (e *events) OnOpen(conn gnet.Conn) ([]byte, gnet.Action) {
	l := e.loop
	l.engine = conn.EventLoop()
	var as Role
	switch ours := conn.Context().(type) {
	case *wakeup:
		l.epoll, e.err = findEpoll(conn.Fd())
		return nil, gnet.None
	case *watch:
		e.err = ours.install(l.epoll, conn.Fd())
		return nil, gnet.None
	case Role: // of a unix socket: see Enroll
		as = ours
	default:
		as = l.listeners.of(conn)
	}
	if !l.hasPlace(as, conn.Fd()) {
		if as == RolePublisher {
			_, _ = send(conn.Fd(), publish.AppendError(nil, errFull))
		}
		conn.SetContext(nil)
		return nil, gnet.Close
	}
	switch as {
	case RoleSubscriber:
		addPending(l, conn)
	case RolePublisher:
		addPublisher(l, conn)
	default:
		// Somebody has found the socket that gnet got because it must have one.
		conn.SetContext(nil)
		return nil, gnet.Close
	}
	return nil, gnet.None
}

var errFull = fmt.Errorf("%w: too many publishers are connected, try again later", publish.ErrBusy)

// retryPlaces is how many connections there may be beyond ConnsMax: those that
// are being told to come back. When these are gone, too, a connection is closed
// without a word.
const retryPlaces = openfiles.Reserve / 4

// hasPlace tells whether there is a descriptor to spare for one more connection.
// Strangers at the subscribers' door cannot take the publishers' places, nor the
// other way round.
//
// The descriptor's number counts, too. The kernel gives the lowest that is free,
// so it tells what the whole process holds, other servers and the program around
// us included: gnet ends its engine when accept fails for lack of one.
func (l *Loop) hasPlace(as Role, fd int) bool {
	cause := rejectClosed
	room := l.stats.PendingConnections+l.stats.Subscribers < l.opts.ConnsMax+retryPlaces
	if as == RolePublisher {
		cause = rejectPublisher
		room = l.stats.Publishers < l.opts.PublishersMax
	}
	if room && fd < l.fdMax {
		return true
	}
	l.eventLog.countRejected(l, cause)
	return false
}

func (e *events) OnTraffic(conn gnet.Conn) gnet.Action {
	in, _ := conn.Next(-1) // everything; it cannot fail
	return conn.Context().(peer).traffic(e.loop, in)
}

func (e *events) OnClose(conn gnet.Conn, err error) gnet.Action {
	if p, ok := conn.Context().(peer); ok {
		p.closed(e.loop, err)
		conn.SetContext(nil)
	}
	return gnet.None
}
