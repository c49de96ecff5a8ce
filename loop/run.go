package loop

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// Run listens on TCP, and runs the loop until it has drained or is to stop. Then it
// returns nil. Otherwise the error says which address cannot be used, or why the engine
// ended.
func (l *Loop) Run(on Listeners) error {
	l.listeners = newRoles(on.TCP)
	l.unixClosing.close = on.Close
	urls, forget, err := gnetURLs(on.TCP)
	if err != nil {
		return err
	}
	defer forget()
	log := &gnetLog{log: l.log}
	events := &events{loop: l}
	events.booted = func() {
		on.Listening()
		events.setUserTimeout(on.TCP)
	}
	events.ticked = func() { events.installWakeup(on.Accept) }
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
		return fmt.Errorf("loop: cannot start the event loop: %w", events.err)
	case l.stop.Load() != stopNone:
		return nil
	case log.last.Load() != nil:
		return fmt.Errorf("loop: the event loop stopped unexpectedly: %s", *log.last.Load())
	}
	return errors.New("loop: the event loop stopped unexpectedly")
}

// gnetURLs returns what gnet is to listen on. gnet needs a listener, so where there are
// unix sockets only, it gets one that nobody can find.
func gnetURLs(tcp []Listener) (urls []string, forget func(), err error) {
	for _, t := range tcp {
		urls = append(urls, t.Endpoint.String())
	}
	if len(urls) > 0 {
		return urls, func() {}, nil
	}
	folder, err := os.MkdirTemp("", "ssed-") // only this user may enter it
	if err != nil {
		return nil, nil, fmt.Errorf("loop: cannot create a directory for a socket: %w", err)
	}
	return []string{"unix://" + folder + "/unused"}, func() { os.RemoveAll(folder) }, nil
}

// setUserTimeout makes the kernel close a subscriber's connection when sent data is not
// acknowledged, or cannot be sent, for StallTimeout (TCP_USER_TIMEOUT of tcp(7)).
// Otherwise it would try for a quarter of an hour. The connections inherit the option
// from their listener.
func (e *events) setUserTimeout(tcp []Listener) {
	l := e.loop
	for _, t := range tcp {
		if t.Role != RoleSubscriber {
			continue
		}
		fd, err := e.engine.DupListener(t.Endpoint.Network, t.Endpoint.Address)
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(l.opts.StallTimeout.Milliseconds()))
			unix.Close(fd)
		}
		if err != nil {
			l.log.Warn("cannot set TCP_USER_TIMEOUT; vanished clients are detected late", "address", t.Endpoint.String(), "err", err)
		}
	}
}

// installWakeup registers gnet's ends of the wakeup and of the watch. With that the loop
// is ready.
func (e *events) installWakeup(accept func()) {
	l := e.loop
	wakeup, err := e.register(l.wakeup, l.wakeup.gnetEnd)
	if err == nil {
		_, err = e.register(l.watch, l.watch.gnetEnd)
	}
	if err != nil {
		e.err = err
		go e.engine.Stop(context.Background()) // it waits for the goroutine that we are on
		return
	}
	l.enrollTo = wakeup.EventLoop()
	accept()
	close(l.ready)
}

// Ready is closed once the loop accepts connections.
func (l *Loop) Ready() <-chan struct{} { return l.ready }

// StartDrain makes the loop refuse new messages, deliver what it has accepted, and let
// its subscribers go. Run returns when that is done.
func (l *Loop) StartDrain() {
	l.sequencer.stopAccepting(l)
	l.stop.CompareAndSwap(stopNone, stopDrain)
	l.wakeup.notify()
}

// StopNow makes Run return as soon as it can. All connections are closed as they are.
func (l *Loop) StopNow() {
	l.stop.Store(stopNow)
	l.wakeup.notify()
}

// Close releases what the loop holds outside gnet. Call it once, after Run or in place of
// it. Calls that wait for the loop return ErrStopped.
func (l *Loop) Close() {
	l.stop.Store(stopNow)
	l.mailbox.close()
	l.sequencer.close()
	l.eventLog.flushSuppressed(l) // of the last second, which the wheel did not end
	l.hooks.flushSuppressed(l.log)
	close(l.done)
	l.watch.close()
	l.wakeup.close()
}

// PublishMessage publishes a message that was checked, with the canonical form of its
// namespace. It waits while the mailbox is full. It returns once the message is accepted.
func (l *Loop) PublishMessage(ctx context.Context, namespace string, m sse.Message) error {
	return l.sequencer.publish(ctx, l, namespace, m)
}

// Sink returns where publishers on a loop of their own publish. The sequence numbers
// count what went through it, which is the order of publishing as long as all publishers
// use it.
func (l *Loop) Sink() publish.Sink { return l.sequencer.sink(l) }
