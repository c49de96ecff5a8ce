package loop

import (
	"time"

	"github.com/panjf2000/gnet/v2"
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
	if l.stats.Visitors+l.stats.Subscribers+l.stats.Publishers >= l.opts.ConnsMax+descriptorReserve/2 {
		l.stats.TurnedAway++
		conn.SetContext(nil)
		return nil, gnet.Close // no descriptor to spare even for a polite answer
	}
	switch as {
	case roleSubscriber:
		l.welcome(conn)
	case rolePublisher:
		l.admit(conn)
	default:
		panic("loop: a connection came in at an unknown address: " + conn.LocalAddr().String())
	}
	return nil, gnet.None
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
