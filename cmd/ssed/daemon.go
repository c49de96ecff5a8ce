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

// A daemon is what the flags asked for, wired together.
type daemon struct {
	server     *ssed.Server
	store      *store.Store       // the way to the store; nil where there is none
	publishers *evioserver.Server // the publishers' own loop; nil where the loop reads them itself
	admin      *adminPages
	health     *health       // of the store; nil without a store
	tokens     *auth.Table   // at the start; SIGHUP may bring others
	endAtMost  time.Duration // how long shutdown may take
	log        *slog.Logger
	stderr     *logWriter // where log goes

	engines []engine   // all of the above that run, in the order of their start
	died    chan error // gets an error for each engine that ends unasked
}

// An engine is an event loop. Serve runs it until Shutdown, and returns nil then.
type engine interface {
	Serve() error
	Ready() <-chan struct{}
	Shutdown(context.Context) error
}

// A storeEngine is the engine that a Store is once it knows where to deliver.
type storeEngine struct {
	*store.Store
	sink ssed.StoreSink
	log  *slog.Logger
}

// storeReadTimeout is how long the daemon waits for its own store before it says that
// it is up. Until then it turns subscribers away.
const storeReadTimeout = 10 * time.Second

// Serve is that of engine.
func (e storeEngine) Serve() error { return e.Store.Serve(e.sink) }

// Shutdown is that of engine. It has a time of its own: the loop may have used all of
// the other, and files are closed all the same.
func (e storeEngine) Shutdown(context.Context) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeEndTimeout)
	defer cancel()
	if err := e.Store.Shutdown(ctx); err != nil {
		e.log.Warn("the store is left as if the daemon was killed: it does not close in time; what was told OK is kept, as --store-sync says", "waited", storeEndTimeout)
	}
	return nil
}

// newDaemon wires a daemon that can have openFiles descriptors and the memory that the
// limit allows, and that writes log to stderr. Nothing listens yet.
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
	if f.PublishLoop == sharedLoop {
		options.Publish = f.Publish
	}
	if f.wanted() {
		if d.store, err = f.newStore(options.ReservedEvents(), memory, log); err != nil {
			return nil, err
		}
		options.Store, options.History = d.store, nil
		d.health = newHealth(func() string {
			status := d.store.Status()
			unfit, _ := status.Unfit(time.Now()) // the cause may name servers, and strangers ask
			return unfit
		})
		options.Unfit = d.health.unfit
	}
	d.admin = f.newAdminPages()
	options.Handover = d.admin.handover()
	if d.server, err = ssed.New(options); err != nil {
		return nil, f.ofFlags(err)
	}
	if d.store != nil { // the last to end: the loop waits for what is on its way
		d.engines = append(d.engines, storeEngine{d.store, d.server.StoreSink(), log})
	}
	d.engines = append(d.engines, d.server)

	if f.PublishLoop == ownLoop {
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

// options returns the server's options, as far as flags say them.
func (f *daemonFlags) options(tokens *auth.Table, connsMax, publishersMax int, log *slog.Logger) ssed.Options {
	return ssed.Options{
		Listen:               f.Listen,
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
		Drain:                notDefault(f.Drain), // at once, if it is 0
		Logger:               log,
	}
}

// notDefault returns a negative number for a flag that is 0. In options 0 would mean the
// default; a negative number means "none" there, or is refused.
func notDefault[T int | time.Duration](value T) T {
	if value == 0 {
		return -1
	}
	return value
}

// start starts the engines one after the other: publishers must find the loop
// ready. It stops waiting for the store once the daemon is asked to end.
func (d *daemon) start(asked context.Context) error {
	if d.health != nil {
		go d.health.watch(asked) // from then on the loop says that it ends
	}
	for _, e := range d.engines {
		go func() { d.died <- unasked(e.Serve()) }()
		select {
		case <-e.Ready():
		case err := <-d.died:
			return err
		}
	}
	if err := d.admin.listen(d.subscribeURLs()[0], d.died); err != nil {
		return err
	}
	return d.awaitStore(asked)
}

// awaitStore waits until the daemon takes subscribers, if that is up to a store of
// its own. NATS servers may be away for long, and come later.
func (d *daemon) awaitStore(asked context.Context) error {
	if d.store == nil || !d.store.Status().Embedded {
		return nil
	}
	select {
	case <-d.store.Live():
	case <-time.After(storeReadTimeout):
		d.log.Warn("the store is not read yet; until it is, subscribers are told to come back", "waited", storeReadTimeout)
	case err := <-d.died:
		return err
	case <-asked.Done():
	}
	return nil
}

// unasked turns the end of an engine into an error. Serve returns nil after a
// Shutdown only, and then nobody listens to d.died any more.
func unasked(err error) error {
	if err == nil {
		err = errors.New("an event loop ended unasked")
	}
	return err
}

const (
	// endTimeout is how long the daemon may take to end, so that those who read
	// slowly get what was accepted. "docker stop" kills after 10 s.
	endTimeout = 8 * time.Second
	// afterDrain is what remains for that when the drain takes longer.
	afterDrain = 2 * time.Second
	// engineEnd is what an engine gets when the one before has used up that time: the
	// store must be closed, however slowly somebody reads.
	engineEnd = 900 * time.Millisecond
	// storeEndTimeout is how long a store may take after that to be on the disk.
	storeEndTimeout = 5 * time.Second
)

// endAtMost is how long the end may take.
func (f *daemonFlags) endAtMost() time.Duration { return max(endTimeout, f.Drain+afterDrain) }

// storeTime is what a store may add to that.
func (d *daemon) storeTime() time.Duration {
	if d.store == nil {
		return 0
	}
	return storeEndTimeout
}

// shutdown ends the engines, the last one first: what the publishers were told
// OK for is then in the loop, which delivers it.
func (d *daemon) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), d.endAtMost)
	defer cancel()
	for i := len(d.engines) - 1; i >= 0; i-- {
		own, done := engineTime(ctx)
		if err := d.engines[i].Shutdown(own); err != nil {
			d.log.Warn("closed before everything was delivered", "err", err)
		}
		done()
	}
	d.admin.shutdown() // the last, so that it can tell that the rest is ending
}

// engineTime is how long one engine may take to end: what is left of ctx, and engineEnd
// at least.
func engineTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end, _ := ctx.Deadline()
	if least := time.Now().Add(engineEnd); end.Before(least) {
		end = least
	}
	return context.WithDeadline(context.Background(), end)
}

// subscribeURLs returns where subscribers connect.
func (d *daemon) subscribeURLs() []string {
	return urls("http", d.server.ListenAddrs())
}

// publishURLs returns where publishers connect.
func (d *daemon) publishURLs() []string {
	if d.publishers != nil {
		return urls("tcp", d.publishers.Addrs())
	}
	return urls("tcp", d.server.PublishAddrs())
}

// urls writes addresses as URLs; the scheme is that of TCP ones.
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
