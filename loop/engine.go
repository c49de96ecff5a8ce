package loop

import (
	"fmt"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/publish"
)

// events is what gnet calls. OnOpen, OnTraffic and OnClose come on the loop's
// goroutine; OnBoot and OnTick on others, which may only ring the doorbell.
type events struct {
	gnet.BuiltinEventEngine
	loop   *loop
	booted func() // called once, when gnet listens
	ticked func() // called once, when the loop is running
	engine gnet.Engine
	err    error // why the loop cannot work; known once the doorbell hangs
}

func (e *events) OnBoot(engine gnet.Engine) gnet.Action {
	e.engine = engine
	e.booted()
	return gnet.None
}

// OnTick drives the wheel. The first one is also the first moment at which gnet
// can register a connection of ours, so the doorbell is hung then.
func (e *events) OnTick() (time.Duration, gnet.Action) {
	if e.ticked != nil {
		e.ticked()
		e.ticked = nil
	}
	e.loop.elapsed.Add(1)
	e.loop.bell.ring()
	return tick, gnet.None
}

func (e *events) OnOpen(conn gnet.Conn) ([]byte, gnet.Action) {
	l := e.loop
	l.engine = conn.EventLoop()
	as, fromUnix := conn.Context().(role)
	if !fromUnix && conn.Context() != nil { // the doorbell
		l.intake.epoll, e.err = findEpoll(conn.Fd())
		return nil, gnet.None
	}
	if !fromUnix {
		as = l.listeners.of(conn)
	}
	if !l.hasPlace(as, conn.Fd()) {
		if as == rolePublisher {
			_, _ = send(conn.Fd(), publish.AppendError(nil, errFull))
		}
		conn.SetContext(nil)
		return nil, gnet.Close
	}
	switch as {
	case roleSubscriber:
		l.welcome(conn)
	case rolePublisher:
		l.admit(conn)
	default:
		// Somebody has found the socket that gnet got because it must have one.
		conn.SetContext(nil)
		return nil, gnet.Close
	}
	return nil, gnet.None
}

var errFull = fmt.Errorf("%w: too many are connected, try again later", publish.ErrBusy)

// publishersKept is how many places strangers who come to the subscribers' door
// cannot take, so that the programs of this machine always find one.
const publishersKept = descriptorReserve / 4

// hasPlace tells whether there is a descriptor to spare for one more connection.
// Beyond ConnsMax there are some for those who are told politely to come back.
// When these are gone, too, a connection is closed without a word.
//
// The descriptor's number counts, too. The kernel gives the lowest that is free,
// so it tells what the whole process holds, other servers and the program around
// us included: gnet ends its engine when accept fails for lack of one.
func (l *loop) hasPlace(as role, fd int) bool {
	places := l.opts.ConnsMax + descriptorReserve/2
	if as != rolePublisher {
		places -= publishersKept
	}
	if l.stats.Visitors+l.stats.Subscribers+l.stats.Publishers < places && fd < l.fdMax {
		return true
	}
	l.stats.TurnedAway++
	if l.fullLines.allow(l.seconds()) {
		l.log.Warn("there is no place for one more connection; it is closed", "subscribers", l.stats.Subscribers,
			"visitors", l.stats.Visitors, "publishers", l.stats.Publishers, "limit", l.opts.ConnsMax)
	}
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
