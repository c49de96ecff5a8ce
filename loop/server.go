package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A Server is one daemon. Several may run in a process, each on addresses of
// its own. All methods may be called from any goroutine.
type Server struct {
	loop  *loop
	ready chan struct{}
	done  chan struct{} // closed when the loop has ended
	began atomic.Bool   // Serve or, before it, Shutdown was called

	asked         atomic.Bool   // Shutdown was called
	hooksDeadline chan struct{} // closed when the time for the hooks is over
	endHooksWait  func()        // closes hooksDeadline
	finished      chan struct{} // closed when the hooks, too, have ended

	listen, publish           []listen.Endpoint
	tcp                       []listen.Endpoint    // the TCP ones of both, on which gnet listens
	unix                      listen.UnixListeners // the unix ones of both
	listenAddrs, publishAddrs []net.Addr
}

// New makes a Server. It does not listen yet, but Publish may be called: what
// comes before Serve waits in the mailbox.
func New(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{ready: make(chan struct{}), done: make(chan struct{}),
		hooksDeadline: make(chan struct{}), finished: make(chan struct{})}
	s.endHooksWait = sync.OnceFunc(func() { close(s.hooksDeadline) })
	for _, address := range opts.Listen {
		e, err := listen.ParseListen(address)
		if err != nil {
			return nil, fmt.Errorf("loop: %w", err)
		}
		s.listen = append(s.listen, e)
	}
	if s.publish, err = listen.ParseEndpoints(opts.Publish); err != nil {
		return nil, fmt.Errorf("loop: Publish: %w", err)
	}
	if s.loop, err = newLoop(opts); err != nil {
		return nil, err
	}
	s.loop.unixClosing.close, s.loop.ready = s.unix.Close, s.ready
	return s, nil
}

// Serve listens and serves until Shutdown, and then returns nil, when the hooks have
// returned or Shutdown waits no longer. The error says which address could not be used,
// or why the engine ended unasked; the hooks have 5 s then. A Server serves once.
func (s *Server) Serve() error {
	if !s.began.CompareAndSwap(false, true) {
		return errors.New("loop: Serve was called twice, or after Shutdown")
	}
	l := s.loop
	if l.hooks != nil {
		go l.hooks.run()
	}
	defer s.finishHooks() // after what follows
	defer s.cleanup()
	l.listeners = newRoles()
	claims, err := s.listenAll()
	defer claims.Release()
	if err != nil {
		return err
	}
	urls, forget, err := s.gnetURLs()
	if err != nil {
		return err
	}
	defer forget()
	log := &gnetLog{log: l.log}
	events := &events{loop: l}
	events.booted = func() {
		claims.Release()
		s.setUserTimeout(events.engine)
	}
	events.ticked = func() { s.installWakeup(events) }
	err = gnet.Rotate(events, urls,
		gnet.WithNumEventLoop(1),
		// The loop accepts by itself, one connection at a time. Otherwise gnet
		// accepts on another goroutine, without any bound: a storm of connections
		// then takes every descriptor before the loop has seen the first, and
		// gnet ends its engine over that. A second daemon on the same port, which
		// SO_REUSEPORT would let in, was refused by listen.Claims.
		gnet.WithReusePort(true),
		gnet.WithReuseAddr(true), // a restart must not wait for TIME_WAIT
		gnet.WithTicker(true),
		gnet.WithSocketSendBuffer(l.opts.SendBufferBytes), // on the listener; connections inherit it
		gnet.WithLoadBalancing(gnet.LeastConnections),     // round robin races with Register
		gnet.WithLogger(log),
	)
	switch {
	case err != nil:
		return fmt.Errorf("loop: cannot listen: %w", err)
	case events.err != nil:
		return fmt.Errorf("loop: the loop cannot work: %w", events.err)
	case l.stop.Load() != stopNot:
		return nil
	case log.last.Load() != nil:
		return fmt.Errorf("loop: the event loop ended unasked: %s", *log.last.Load())
	}
	return errors.New("loop: the event loop ended unasked")
}

// gnetURLs returns what gnet is to listen on. It does not run without, so where
// there are unix sockets only, it gets one that nobody can find.
func (s *Server) gnetURLs() (urls []string, forget func(), err error) {
	for _, e := range s.tcp {
		urls = append(urls, e.String())
	}
	if len(urls) > 0 {
		return urls, func() {}, nil
	}
	folder, err := os.MkdirTemp("", "ssed-") // only we may enter it
	if err != nil {
		return nil, nil, fmt.Errorf("loop: cannot make a folder for a socket: %w", err)
	}
	return []string{"unix://" + folder + "/unused"}, func() { os.RemoveAll(folder) }, nil
}

// installWakeup registers gnet's ends of the wakeup and of the watch. With that the
// server is ready.
func (s *Server) installWakeup(events *events) {
	wakeup, err := events.register(s.loop.wakeup, s.loop.wakeup.gnetEnd)
	if err == nil {
		_, err = events.register(s.loop.watch, s.loop.watch.gnetEnd)
	}
	if err != nil {
		events.err = err
		go events.engine.Stop(context.Background()) // it waits for the goroutine that we are on
		return
	}
	s.acceptUnix(wakeup.EventLoop())
	close(s.ready)
}

// cleanup releases what a Server holds outside gnet.
func (s *Server) cleanup() {
	l := s.loop
	l.stop.Store(stopNow)
	l.mailbox.close()
	l.sequencer.close()
	l.eventLog.flushSuppressed(l) // of the last second, which the wheel did not end
	l.hooks.flushSuppressed(l.log)
	close(s.done)
	s.unix.Close()
	l.watch.close()
	l.wakeup.close()
}

// finishHooks waits for the hooks to return. Their calls to the server return ErrStopped
// meanwhile.
func (s *Server) finishHooks() {
	if !s.asked.Load() {
		time.AfterFunc(finishHooksTime, s.endHooksWait)
	}
	s.loop.hooks.finish(s.hooksDeadline, s.loop.log)
	close(s.finished)
}

// Ready is closed once the server accepts connections.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// ListenAddrs returns where subscribers connect, with the real port where 0 was
// asked for. It is known once the server is Ready.
func (s *Server) ListenAddrs() []net.Addr { return s.listenAddrs }

// PublishAddrs returns where publishers connect to this loop, likewise.
func (s *Server) PublishAddrs() []net.Addr { return s.publishAddrs }

// Publish sends a message to all who hear its namespace. It returns once the
// message is accepted: it is then delivered, after every message that the
// caller has published before. It waits while the mailbox is full. Errors wrap
// nsindex.ErrNamespace, sse.ErrEvent (sse.ErrReserved for a name that the server
// sends itself), sse.ErrUTF8 or sse.ErrTooLong for a bad message, publish.ErrBusy when the server is stopping, or are the context's.
func (s *Server) Publish(ctx context.Context, m sse.Message) error {
	namespace, err := nsindex.Canonical(m.Namespace)
	if err != nil {
		return err
	}
	if err := sse.CheckEvent(m.Event); err != nil {
		return err
	}
	if err := s.loop.session.Reserved.Check([]byte(m.Event)); err != nil {
		return err
	}
	if err := sse.CheckData(m.Data, s.loop.opts.DataBytesMax); err != nil {
		return err
	}
	return s.loop.sequencer.publish(ctx, s.loop, namespace, m)
}

// Mailbox is the way in for publishers that run on a loop of their own. Its
// sequence numbers count what went through it, which is the order of publishing
// as long as all publishers use it.
func (s *Server) Mailbox() publish.Sink {
	return s.loop.sequencer.sink(s.loop)
}

// Session is the configuration of the publishers' sessions.
func (s *Server) Session() publish.Config { return *s.loop.session }

// Shutdown ends the server. It takes no new messages, delivers what was accepted,
// and then lets the subscribers go, spread over Options.Drain, each with a time to
// come back; those who come meanwhile are told the same. It returns when OnUnsubscribe
// has, for all of them. When ctx ends first, it closes all connections as they are,
// leaves out the calls that wait for a hook to return, and returns the context's error;
// so give it some seconds more than Drain.
func (s *Server) Shutdown(ctx context.Context) error {
	l := s.loop
	s.asked.Store(true) // before stop is set, too: the loop may end at once
	l.sequencer.refuse(l)
	l.stop.CompareAndSwap(stopNot, stopDrain)
	if s.began.CompareAndSwap(false, true) {
		s.cleanup() // it never served
		close(s.finished)
		return nil
	}
	l.wakeup.notify()
	select {
	case <-s.finished:
		return nil
	case <-ctx.Done():
		l.stop.Store(stopNow)
		l.wakeup.notify()
		s.endHooksWait()
		<-s.finished
		return ctx.Err()
	}
}
