package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/publish/evioserver"
	"github.com/ssed/ssed/store"
)

// A daemon is the set of engines that the flags configure, connected to each other. Engines start
// in this order and stop in the reverse order, so that the next engine is running when an engine
// passes a message on:
//
//	store  <->  server (the event loops)  <-  publishers' own loop
//
// The first and the last are optional. The admin pages open last and close last.
type daemon struct {
	server     *ssed.Server
	store      *store.Store       // nil without --store and --nats
	publishers *evioserver.Server // the separate event loop for publishers; nil if the server's loop reads them
	admin      *adminPages
	health     *health       // health of the store; nil without a store
	tokens     *auth.Table   // as of the start; SIGHUP can replace the table in use
	endAtMost  time.Duration // limit for the duration of shutdown
	log        *slog.Logger
	stderr     *logWriter // the destination of log

	engines []engine   // those of the above that run, in the order of their start
	died    chan error // receives an error from every engine that stops unexpectedly
}

// An engine is an event loop. Serve runs it, and returns nil after Shutdown.
type engine interface {
	Serve() error
	Ready() <-chan struct{}
	Shutdown(context.Context) error
}

// A storeEngine is a Store with the sink that it delivers messages to. It implements engine.
type storeEngine struct {
	*store.Store
	sink ssed.StoreSink
	log  *slog.Logger
}

// storeReadTimeout is how long the daemon waits for its embedded store to be replayed before it
// reports that it is up. Until the replay is complete, it refuses subscribers.
const storeReadTimeout = 10 * time.Second

// Serve implements engine.
func (e storeEngine) Serve() error { return e.Store.Serve(e.sink) }

// Shutdown implements engine. It ignores its context and uses storeEndTimeout: the loop may have
// used up the time of the context, but the files must still be closed.
func (e storeEngine) Shutdown(context.Context) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeEndTimeout)
	defer cancel()
	if err := e.Store.Shutdown(ctx); err != nil {
		e.log.Warn("store did not close in time; exiting anyway", "waited", storeEndTimeout)
	}
	return nil
}

// newDaemon creates a daemon for a process that can open openFiles descriptors and use the given
// memory. log is the daemon's logger, and stderr the writer behind it. The daemon does not listen
// yet.
func (f *daemonFlags) newDaemon(openFiles int, memory memoryLimit, log *slog.Logger, stderr *logWriter) (*daemon, error) {
	tokens, err := f.tokens()
	if err != nil {
		return nil, err
	}
	connsMax, publishersMax, err := f.connections(openFiles)
	if err != nil {
		return nil, err
	}
	d := &daemon{tokens: tokens, endAtMost: f.endAtMost(), log: log, stderr: stderr, died: make(chan error, 3)}

	options := f.options(tokens, connsMax, publishersMax, log)
	if f.publishLoop() == sharedLoop {
		options.Publish = f.Publish
	}
	if f.hasStore() {
		if d.store, err = f.newStore(options.ReservedEvents(), memory, log); err != nil {
			return nil, err
		}
		options.Store, options.History = d.store, nil
		d.health = newHealth(func() string {
			status := d.store.Status()
			unfit, _ := status.Unfit(time.Now()) // without the cause: it may contain names of servers, and /healthz is public
			return unfit
		})
		options.Unfit = d.health.unfit
	}
	d.admin = f.newAdminPages()
	options.Handover = d.admin.handover()
	if d.server, err = ssed.New(options); err != nil {
		return nil, f.asFlagErrors(err)
	}
	if d.store != nil { // shut down last, because the loop waits for messages on their way to the store
		d.engines = append(d.engines, storeEngine{d.store, d.server.StoreSink(), log})
	}
	d.engines = append(d.engines, d.server)

	if f.publishLoop() == ownLoop {
		sink, session := d.server.Publishers()
		d.publishers = evioserver.New(evioserver.Options{
			Listen:        f.Publish,
			Sink:          sink,
			Session:       session,
			PublishersMax: publishersMax,
			Logger:        log,
		})
		d.engines = append(d.engines, d.publishers)
	}
	d.admin.attach(d, f)
	return d, nil
}

// options returns the server's options that flags determine.
func (f *daemonFlags) options(tokens *auth.Table, connsMax, publishersMax int, log *slog.Logger) ssed.Options {
	return ssed.Options{
		Listen:               f.Listen,
		Loops:                f.loops(),
		Tokens:               tokens,
		CORSOrigins:          f.CORSOrigin,
		TrustedProxies:       f.TrustedProxy,
		ProxyProtocol:        f.ProxyProtocol,
		BacklogBytesMax:      int(f.Backlog),
		BacklogTotalBytesMax: int(f.BacklogTotal),
		MailboxBytesMax:      int(f.Mailbox),
		DataBytesMax:         int(f.DataMax),
		HeadBytesMax:         int(f.HeadMax),
		SendBufferBytes:      int(f.Sndbuf),
		ConnsMax:             connsMax,
		ConnsPerAddressMax:   f.MaxConnsPerIP,
		PublishersMax:        publishersMax,
		Slow:                 slowWords[f.Slow],
		History:              f.history(),
		HistoryBytesMax:      int(f.HistoryBytes),
		GapEvent:             f.GapEvent,
		NoGapEvent:           f.GapEvent == "",
		Heartbeat:            notDefault(f.Heartbeat),
		HeaderTimeout:        notDefault(f.HeaderTimeout),
		StallTimeout:         notDefault(f.StallTimeout),
		RetryMin:             notDefault(f.Retry.min),
		RetryMax:             notDefault(f.Retry.max),
		NoRetry:              f.Retry.off,
		Drain:                notDefault(f.Drain), // a negative Drain means: disconnect all subscribers immediately
		Logger:               log,
	}
}

// notDefault returns -1 for a flag that is 0, and all other values unchanged. In options 0 means
// the default. A negative number means "none" or is refused, which is the meaning of 0 in a flag.
func notDefault[T int | time.Duration](value T) T {
	if value == 0 {
		return -1
	}
	return value
}

// start starts the engines one after the other, because publishers require a running loop. It stops
// waiting for the store when signaled is done, which requests shutdown.
func (d *daemon) start(signaled context.Context) error {
	if d.health != nil {
		go d.health.watch(signaled) // after a shutdown request, the loop itself reports that it is stopping
	}
	for _, e := range d.engines {
		go func() { d.died <- unexpectedEnd(e.Serve()) }()
		select {
		case <-e.Ready():
		case err := <-d.died:
			return err
		}
	}
	if err := d.admin.listen(d.subscribeURLs()[0], d.died); err != nil {
		return err
	}
	return d.awaitStore(signaled)
}

// awaitStore waits until an embedded store has been replayed, so that the daemon accepts
// subscribers. It does not wait for NATS servers, which may be unavailable for a long time.
func (d *daemon) awaitStore(signaled context.Context) error {
	if d.store == nil || !d.store.Status().Embedded {
		return nil
	}
	select {
	case <-d.store.Live():
	case <-time.After(storeReadTimeout):
		d.log.Warn("store not replayed yet; refusing subscribers", "waited", storeReadTimeout)
	case err := <-d.died:
		return err
	case <-signaled.Done():
	}
	return nil
}

// unexpectedEnd turns the end of an engine into an error. Serve returns nil only after Shutdown,
// when d.died is no longer read.
func unexpectedEnd(err error) error {
	if err == nil {
		err = errors.New("an event loop stopped unexpectedly")
	}
	return err
}

const (
	// endTimeout limits how long shutdown may take, so that slow subscribers still receive all
	// accepted messages. It must be below the 10 s after which "docker stop" kills a container.
	endTimeout = 8 * time.Second
	// afterDrain is the time for the rest of the shutdown if --drain is longer than endTimeout.
	afterDrain = 2 * time.Second
	// engineEnd is the least time that an engine gets, even if the previous engine has used up
	// endTimeout. The store must be closed however slowly subscribers read.
	engineEnd = 900 * time.Millisecond
	// storeEndTimeout limits how long the store may take to write everything to disk. It comes
	// after endTimeout.
	storeEndTimeout = 5 * time.Second
)

// endAtMost returns the limit for the duration of shutdown, without the store.
func (f *daemonFlags) endAtMost() time.Duration { return max(endTimeout, f.Drain+afterDrain) }

// storeTime returns how much longer shutdown may take because of the store.
func (d *daemon) storeTime() time.Duration {
	if d.store == nil {
		return 0
	}
	return storeEndTimeout
}

// shutdown stops the engines in the reverse order of their start. The publishers' loop stops before
// the server, so that the server can deliver every message that was acknowledged with OK.
func (d *daemon) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), d.endAtMost)
	defer cancel()
	for i := len(d.engines) - 1; i >= 0; i-- {
		own, done := engineTime(ctx)
		if err := d.engines[i].Shutdown(own); err != nil {
			d.log.Warn("stopped before all messages were delivered", "err", err)
		}
		done()
	}
	d.admin.shutdown() // last, so that the pages can report the shutdown of the others
}

// engineTime returns a context for the shutdown of one engine. It has the deadline of ctx, but
// leaves the engine at least engineEnd from now.
func engineTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end, _ := ctx.Deadline()
	if least := time.Now().Add(engineEnd); end.Before(least) {
		end = least
	}
	return context.WithDeadline(context.Background(), end)
}

// subscribeURLs returns the URLs of the listeners for subscribers.
func (d *daemon) subscribeURLs() []string {
	return urls("http", d.server.ListenAddrs())
}

// publishURLs returns the URLs of the listeners for publishers.
func (d *daemon) publishURLs() []string {
	if d.publishers != nil {
		return urls("tcp", d.publishers.Addrs())
	}
	return urls("tcp", d.server.PublishAddrs())
}

// urls returns addresses as URLs. tcpScheme is the scheme of TCP addresses.
func urls(tcpScheme string, addrs []net.Addr) []string {
	urls := make([]string, len(addrs))
	for i, addr := range addrs {
		scheme := tcpScheme
		if addr.Network() == "unix" {
			scheme = "unix"
		}
		urls[i] = scheme + "://" + addr.String()
	}
	return urls
}
