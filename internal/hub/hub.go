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

// A Config configures a Hub. Every value is final and checked.
type Config struct {
	// Loop configures the loop. New sets its Tokens, Session and Reports.
	Loop loop.Config

	Listen       []listen.Endpoint  // where subscribers connect
	Publish      []listen.Endpoint  // where publishers connect
	Tokens       *auth.Table        // at the start; nil: everybody may do everything
	DataBytesMax int                // the longest data of one message
	Reserved     sse.ReservedEvents // event names that publishers may not use
	Hooks        Hooks              // called for subscribers
	ReportsMax   int                // how many calls of Hooks may wait

	Logger *slog.Logger
}

// Hooks are the program's functions for subscribers that come and go.
type Hooks = callbacks.Funcs[loop.SubscriberInfo]

// A Hub is one daemon. Its methods may be called from any goroutine.
type Hub struct {
	config  Config
	loop    *loop.Loop
	tokens  atomic.Pointer[auth.Table] // in force; the loop reads them
	session publish.Config             // of every publisher; not changed after New
	hooks   *callbacks.Queue[loop.SubscriberInfo]

	began         atomic.Bool   // Serve or, before it, Shutdown was called
	asked         atomic.Bool   // Shutdown was called
	hooksDeadline chan struct{} // closed when the time for the hooks is over
	endHooksWait  func()        // closes hooksDeadline
	finished      chan struct{} // closed when the hooks, too, have ended

	// Serve sets these before the loop is ready, and nobody changes them afterwards.
	unix                      listen.UnixListeners
	unixRoles                 map[string]loop.Role // by path
	listenAddrs, publishAddrs []net.Addr
}

// New makes a Hub. It does not listen yet, but Publish may be called: what comes before
// Serve waits.
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
	if h.loop, err = loop.New(ofLoop); err != nil {
		return nil, err
	}
	return h, nil
}

// Serve listens and serves until Shutdown, and then returns nil, when the hooks have
// returned or Shutdown waits no longer. The error says which address cannot be used, or
// why the engine ended; the hooks have hooksTime then. A Hub serves once.
func (h *Hub) Serve() error {
	if !h.began.CompareAndSwap(false, true) {
		return errors.New("ssed: Serve was called twice, or after Shutdown")
	}
	if h.hooks != nil {
		go h.hooks.Run()
	}
	defer h.finishHooks() // after what follows
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

// close releases what a Hub holds.
func (h *Hub) close() {
	h.loop.Close()
	h.unix.Close()
}

// hooksTime is how long a Hub whose loop ended by itself waits for the hooks.
const hooksTime = 5 * time.Second

// finishHooks waits for the hooks to return. Their calls to the Hub return
// loop.ErrStopped meanwhile.
func (h *Hub) finishHooks() {
	defer close(h.finished)
	if h.hooks == nil {
		return
	}
	if !h.asked.Load() {
		time.AfterFunc(hooksTime, h.endHooksWait)
	}
	if !h.hooks.Finish(h.hooksDeadline) {
		h.config.Logger.Warn("the hooks did not return before the server's end; the calls that waited are not made", "waiting", h.hooks.Pending())
	}
}

// Shutdown ends the Hub. It refuses new messages, delivers what was accepted, and then
// lets the subscribers go. It returns when that is done and the hooks have returned. When
// ctx ends first, it closes all connections as they are, abandons the calls of hooks that
// wait, and returns the context's error.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.asked.Store(true) // before the loop may end
	h.loop.StartDrain()
	if h.began.CompareAndSwap(false, true) {
		h.close() // it never served
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

// Ready is closed once the Hub accepts connections.
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

// Publishers returns what a loop of publishers' own needs: where it publishes, and the
// configuration of its sessions.
func (h *Hub) Publishers() (sink publish.Sink, session publish.Config) {
	return h.loop.Sink(), h.session
}

// StoreSink returns the sink that a store delivers to.
func (h *Hub) StoreSink() loop.StoreSink { return h.loop.StoreSink() }

// Stats returns the figures of the loop.
func (h *Hub) Stats(ctx context.Context) (loop.Stats, error) { return h.loop.Stats(ctx) }

// Subscribers returns all subscribers.
func (h *Hub) Subscribers(ctx context.Context) ([]loop.SubscriberInfo, error) {
	return h.loop.Subscribers(ctx)
}

// Disconnect closes one subscriber. It reports whether the connection was found.
func (h *Hub) Disconnect(ctx context.Context, id loop.ConnID) (found bool, err error) {
	return h.loop.Disconnect(ctx, id)
}
