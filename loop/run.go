package loop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// Run listens on the TCP addresses and runs the loop until it has drained or is stopped. It then
// returns nil. Otherwise the error reports why it cannot listen on the addresses, or why the engine
// stopped.
func (l *Loop) Run(on Listeners) error {
	l.listeners = newRoles(on.TCP)
	// Half of the reserve stays free: see hasPlace.
	l.fdMax = openfiles.Limit() - min(openfiles.ReserveFor(l.shared.size, len(on.TCP)), openfiles.Limit())/2
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
		// With SO_REUSEPORT, gnet accepts on the loop's goroutine, one connection per listener and
		// turn. Otherwise it accepts on another goroutine without a bound. A storm of connections
		// could then take every descriptor before the loop has seen the first one, and gnet stops
		// its engine when accept fails. SO_REUSEPORT would also admit a second daemon on the same
		// port, but listen.Claims has refused that before.
		gnet.WithReusePort(true),
		gnet.WithReuseAddr(true), // a restart must not wait for TIME_WAIT
		gnet.WithTicker(true),
		gnet.WithSocketSendBuffer(l.opts.SendBufferBytes), // on the listener; connections inherit it
		gnet.WithLoadBalancing(gnet.LeastConnections),     // round robin races with Register
		gnet.WithLogger(log),
	)
	switch {
	case err != nil:
		return fmt.Errorf("loop: cannot listen on %s: %w", strings.Join(urls, " "), err)
	case events.err != nil:
		return fmt.Errorf("loop: cannot start the event loop: %w", events.err)
	case l.stop.Load() != stopNone:
		return nil
	case log.last.Load() != nil:
		return fmt.Errorf("loop: the event loop stopped unexpectedly: %s", *log.last.Load())
	}
	return errors.New("loop: the event loop stopped unexpectedly")
}

// gnetURLs returns the addresses for gnet to listen on, and a function that cleans up after Run.
// gnet needs at least one listener. If there are only unix sockets, which gnet does not serve here,
// it gets an unused unix socket in a private directory.
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

// setUserTimeout makes the kernel close a subscriber's connection if data stays unacknowledged, or
// cannot be sent, for StallTimeout (TCP_USER_TIMEOUT in tcp(7)). Otherwise the kernel would retry
// for a quarter of an hour. Connections inherit the option from their listener. OnBoot calls it,
// before the loop accepts.
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

// installWakeup registers gnet's ends of the wakeup and of the watch. After that the loop is ready.
// gnet's ticker calls it, on its own goroutine.
func (e *events) installWakeup(accept func()) {
	l := e.loop
	wakeup, err := e.register(l.wakeup, l.wakeup.gnetEnd)
	if err == nil {
		_, err = e.register(l.watch, l.watch.gnetEnd)
	}
	if err != nil {
		e.err = err
		go e.engine.Stop(context.Background()) // on another goroutine, since Stop waits for this one
		return
	}
	l.enrollTo = wakeup.EventLoop()
	accept()
	close(l.ready)
}

// StartDrain starts a graceful shutdown and returns immediately. The loop refuses new messages,
// delivers the messages that it has accepted, and then disconnects its subscribers. Run returns
// when that is done.
func (l *Loop) StartDrain() {
	l.sequencer.stopAccepting(l)
	l.stop.CompareAndSwap(stopNone, stopDrain)
	l.wakeup.notify()
}

// StopNow makes Run return as soon as possible. Connections are closed without waiting for
// undelivered messages.
func (l *Loop) StopNow() {
	l.sequencer.stopAccepting(l)
	l.stop.Store(stopNow)
	l.wakeup.notify()
}

// Close releases everything that the loop holds outside gnet. Call it once, after Run has returned
// or if Run is never called. Calls that wait for the loop return ErrStopped.
func (l *Loop) Close() {
	l.sequencer.stopAccepting(l)
	l.stop.Store(stopNow)
	l.closeMailbox()
	if h := l.window.shared; h != nil {
		h.delivered[l.number].end()
	}
	l.sequencer.close()
	l.last = l.snapshot()
	l.eventLog.flushSuppressed(l) // of the last second, for which turnWheel did not run
	l.hooks.flushSuppressed(l.log)
	close(l.done)
	l.watch.close()
	l.wakeup.close()
}

// PublishMessage publishes a validated message, with its namespace in canonical form. It waits
// while the mailbox is full, and returns once the message is accepted.
func (l *Loop) PublishMessage(ctx context.Context, namespace string, m sse.Message) error {
	return l.sequencer.publish(ctx, l, namespace, m)
}

// Sink returns the sink for publishers with a separate event loop. The sequence numbers that it
// returns count the messages that went through it. They are in the order of publishing as long as
// all publishers use this sink.
func (l *Loop) Sink() publish.Sink { return l.sequencer.sink(l) }
