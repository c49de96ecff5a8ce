package hub

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/callbacks"
	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A Config configures a Hub. Every value is final and valid.
type Config struct {
	// Loop configures the loop. New sets its Tokens, Session and Reports.
	Loop loop.Config

	Listen       []listen.Endpoint  // addresses for subscribers
	Publish      []listen.Endpoint  // addresses for publishers
	Tokens       *auth.Table        // initial tokens; nil: every client may do everything
	DataBytesMax int                // the longest data of one message
	Reserved     sse.ReservedEvents // event names that publishers may not use
	Hooks        Hooks              // called for subscribers
	ReportsMax   int                // how many calls of Hooks may wait

	Logger *slog.Logger
}

// Hooks are the program's functions that are called when subscribers connect and disconnect.
type Hooks = callbacks.Funcs[loop.SubscriberInfo]

// A Hub is one daemon. Its methods may be called from any goroutine.
type Hub struct {
	config  Config
	loop    *loop.Loop
	tokens  atomic.Pointer[auth.Table] // current tokens; the loop reads them
	session publish.Config             // configuration of every publisher's session; constant after New
	hooks   *callbacks.Queue[loop.SubscriberInfo]

	began         atomic.Bool   // Serve was called, or Shutdown before it
	asked         atomic.Bool   // Shutdown was called
	hooksDeadline chan struct{} // closed when Serve must not wait for the hooks any longer
	endHooksWait  func()        // closes hooksDeadline
	finished      chan struct{} // closed when the loop and the hooks have ended

	// Serve sets these before the loop is ready. They do not change afterwards.
	unix                      listen.UnixListeners
	unixRoles                 map[string]loop.Role // by path
	listenAddrs, publishAddrs []net.Addr
}

// New returns a Hub that does not listen yet. Publish may be called; messages wait until Serve
// runs.
func New(config Config) (*Hub, error) {
	h := &Hub{
		config:        config,
		hooks:         callbacks.New(config.Hooks, config.ReportsMax),
		hooksDeadline: make(chan struct{}),
		finished:      make(chan struct{}),
		unixRoles:     map[string]loop.Role{},
	}
	h.endHooksWait = sync.OnceFunc(func() { close(h.hooksDeadline) })
	h.tokens.Store(config.Tokens)
	h.session = publish.Config{Auth: publishAuth{&h.tokens}, DataBytesMax: config.DataBytesMax, Reserved: config.Reserved}

	ofLoop := config.Loop
	ofLoop.Tokens, ofLoop.Session, ofLoop.Reports = &h.tokens, &h.session, h.hooks
	var err error
	if h.loop, err = loop.New(ofLoop, loop.NewShared(&ofLoop, 1)); err != nil {
		return nil, err
	}
	return h, nil
}

// Serve listens and serves until Shutdown is called. It returns nil after the hooks have returned,
// or after Shutdown has stopped waiting for them. The error reports which address cannot be used,
// or why the event loop failed; in the second case Serve waits up to hooksTimeout for the hooks. A
// Hub serves once.
func (h *Hub) Serve() error {
	if !h.began.CompareAndSwap(false, true) {
		return errors.New("ssed: Serve called twice or after Shutdown")
	}
	if h.hooks != nil {
		go h.hooks.Run()
	}
	defer h.finishHooks() // runs last, after close and Release
	defer h.close()
	claims, tcp, err := h.listen()
	defer claims.Release()
	if err != nil {
		return err
	}
	return h.loop.Run(loop.Listeners{
		TCP:       tcp,
		Listening: claims.Release,
		Accept:    func() { h.unix.Start(h.enroll, h.config.Logger) },
		Close:     h.unix.Close,
	})
}

// close releases the resources of a Hub.
func (h *Hub) close() {
	h.loop.Close()
	h.unix.Close()
}

// hooksTimeout limits how long Serve waits for the hooks if the loop has ended without Shutdown.
const hooksTimeout = 5 * time.Second

// finishHooks waits for the hooks to return. During that time, calls of the Hub's methods return
// loop.ErrStopped.
func (h *Hub) finishHooks() {
	defer close(h.finished)
	if h.hooks == nil {
		return
	}
	if !h.asked.Load() {
		time.AfterFunc(hooksTimeout, h.endHooksWait)
	}
	if !h.hooks.Finish(h.hooksDeadline) {
		h.config.Logger.Warn("hooks did not return in time; pending calls dropped", "calls", h.hooks.Pending())
	}
}

// Shutdown stops the Hub. It rejects new messages, delivers the accepted ones, and then disconnects
// the subscribers. It returns once the loop and the hooks have ended. If ctx ends first, Shutdown
// closes all connections immediately, drops the pending calls of hooks, and returns the context's
// error.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.asked.Store(true) // must be set before the loop can end
	h.loop.StartDrain()
	if h.began.CompareAndSwap(false, true) {
		h.close() // Serve was never called
		close(h.finished)
		return nil
	}
	select {
	case <-h.finished:
		return nil
	case <-ctx.Done():
		h.loop.StopNow()
		h.endHooksWait()
		<-h.finished
		return ctx.Err()
	}
}

// Ready returns a channel that is closed once the Hub accepts connections.
func (h *Hub) Ready() <-chan struct{} { return h.loop.Ready() }

// Publish checks a message and publishes it. See ssed.Server.Publish.
func (h *Hub) Publish(ctx context.Context, m sse.Message) error {
	namespace, err := nsindex.Canonical(m.Namespace)
	if err != nil {
		return err
	}
	if err := sse.CheckEvent(m.Event); err != nil {
		return err
	}
	if err := h.session.Reserved.Check([]byte(m.Event)); err != nil {
		return err
	}
	if err := sse.CheckData(m.Data, h.config.DataBytesMax); err != nil {
		return err
	}
	return h.loop.PublishMessage(ctx, namespace, m)
}

// Publishers returns a sink and a session configuration for publishers on a separate loop.
func (h *Hub) Publishers() (sink publish.Sink, session publish.Config) {
	return h.loop.Sink(), h.session
}

// StoreSink returns the sink that a store delivers to.
func (h *Hub) StoreSink() loop.StoreSink { return h.loop.StoreSink() }

// Stats returns the daemon's figures.
func (h *Hub) Stats(ctx context.Context) (loop.Stats, error) { return h.loop.Stats(ctx) }

// LoopStats returns the figures of each loop.
func (h *Hub) LoopStats(ctx context.Context) ([]loop.Stats, error) {
	stats, err := h.loop.Stats(ctx)
	return []loop.Stats{stats}, err
}

// Subscribers returns all subscribers.
func (h *Hub) Subscribers(ctx context.Context) ([]loop.SubscriberInfo, error) {
	return h.loop.Subscribers(ctx)
}

// Disconnect closes one subscriber's connection. It reports whether the connection was found.
func (h *Hub) Disconnect(ctx context.Context, id loop.ConnID) (found bool, err error) {
	return h.loop.Disconnect(ctx, id)
}
