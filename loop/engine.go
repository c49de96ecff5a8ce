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

// reactor is the loop's view of gnet.
type reactor struct {
	engine    gnet.EventLoop // set when the first connection opens
	epoll     int            // gnet's epoll descriptor: see intake.go
	fdMax     int            // descriptors from this one on are not used for connections
	listeners roles          // the role of each listener's connections
	enrollTo  gnet.EventLoop // the engine that Enroll uses; set before Listeners.Accept is called
	elapsed   atomic.Uint32  // ticks that turnWheel has not handled yet; gnet's ticker adds to it
}

// events receives gnet's callbacks. gnet calls OnOpen, OnTraffic and OnClose on the loop's
// goroutine, and OnBoot and OnTick on others:
//
//	OnBoot        the listeners exist: set their socket options
//	first OnTick  the engine runs: register the wakeup and the watch, call Listeners.Accept
//	each OnTick   count one tick and notify the wakeup
//
// Until the first OnTick has registered the wakeup, values from other goroutines stay queued.
type events struct {
	gnet.BuiltinEventEngine
	loop   *Loop
	booted func() // called once, when gnet listens
	ticked func() // called once, on the first tick
	engine gnet.Engine
	err    error // why the loop cannot start; set while the first OnTick registers the wakeup
}

func (e *events) OnBoot(engine gnet.Engine) gnet.Action {
	e.engine = engine
	e.booted()
	return gnet.None
}

// OnTick drives the clock. The first call is also the first moment at which gnet can register
// connections that the loop made itself, so it installs the wakeup.
func (e *events) OnTick() (time.Duration, gnet.Action) {
	if e.ticked != nil {
		e.ticked()
		e.ticked = nil
	}
	e.loop.elapsed.Add(1)
	e.loop.wakeup.notify()
	return tick, gnet.None
}

// register gives gnet a connection that the loop made, with p as its peer. It must not be called on
// the loop's goroutine, because it waits for the loop to call OnOpen.
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
	return result.Conn, e.err // OnOpen has set e.err before the result was sent
}

// OnOpen finds the role of a new connection and gives it a peer, or closes it if the server is
// full.
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
	case Role: // a unix socket: see Enroll
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
		// Another process has connected to the unused socket that gnetURLs made.
		conn.SetContext(nil)
		return nil, gnet.Close
	}
	return nil, gnet.None
}

var errFull = fmt.Errorf("%w: too many publishers are connected, try again later", publish.ErrBusy)

// retryPlaces is how many connections may exist beyond ConnsMax, so that they can receive a reply
// that asks them to retry later. When these places are taken too, a connection is closed without a
// reply.
const retryPlaces = openfiles.Reserve / 4

// hasPlace reports whether there is room for one more connection, and counts a rejection if there
// is not. Publishers and subscribers have separate limits, so neither can take the places of the
// other.
//
// The number of the descriptor counts as well. The kernel assigns the lowest free number, so fd
// shows how many descriptors the whole process uses, including other servers and the embedding
// program. The loop keeps a reserve because gnet stops its engine when accept fails for lack of a
// descriptor.
func (l *Loop) hasPlace(as Role, fd int) bool {
	cause := rejectClosed
	room := int(l.shared.connections.Load()) < l.opts.ConnsMax+retryPlaces
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

// OnTraffic gives everything that gnet has read from a connection to its peer.
func (e *events) OnTraffic(conn gnet.Conn) gnet.Action {
	in, _ := conn.Next(-1) // everything that was read; it cannot fail
	return conn.Context().(peer).traffic(e.loop, in)
}

// OnClose calls the peer's closed, once.
func (e *events) OnClose(conn gnet.Conn, err error) gnet.Action {
	if p, ok := conn.Context().(peer); ok {
		p.closed(e.loop, err)
		conn.SetContext(nil)
	}
	return gnet.None
}
