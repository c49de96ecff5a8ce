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
	// Loop configures each loop. New sets its Tokens, Session and Reports.
	Loop  loop.Config
	Loops int // how many loops there are

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
	loops   []*loop.Loop               // by number
	tokens  atomic.Pointer[auth.Table] // current tokens; the loops read them
	session publish.Config             // configuration of every publisher's session; constant after New
	hooks   *callbacks.Queue[loop.SubscriberInfo]

	began         atomic.Bool   // Serve was called, or Shutdown before it
	asked         atomic.Bool   // Shutdown was called
	hooksDeadline chan struct{} // closed when Serve must not wait for the hooks any longer
	endHooksWait  func()        // closes hooksDeadline
	finished      chan struct{} // closed when the loops and the hooks have ended
	ready         chan struct{} // closed when all loops are ready

	// Serve sets these before the loops are ready. They do not change afterwards.
	unix                      listen.UnixListeners
	unixRoles                 map[string]loop.Role // by path
	unixTurn                  atomic.Uint32        // the loop that gets the next connection of a unix socket
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
		ready:         make(chan struct{}),
		unixRoles:     map[string]loop.Role{},
	}
	h.endHooksWait = sync.OnceFunc(func() { close(h.hooksDeadline) })
	h.tokens.Store(config.Tokens)
	h.session = publish.Config{Auth: publishAuth{&h.tokens}, DataBytesMax: config.DataBytesMax, Reserved: config.Reserved}

	ofLoop := config.Loop
	ofLoop.Tokens, ofLoop.Session, ofLoop.Reports = &h.tokens, &h.session, h.hooks
	shared := loop.NewShared(&ofLoop, config.Loops)
	for number := range config.Loops {
		if config.Loops > 1 {
			ofLoop.Logger = config.Loop.Logger.With("loop", number)
		}
		l, err := loop.New(ofLoop, shared)
		if err != nil {
			h.closeLoops()
			return nil, err
		}
		h.loops = append(h.loops, l)
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
	defer h.finishHooks() // runs last
	defer h.unix.Close()
	claims, tcp, err := h.listen()
	defer claims.Release()
	if err != nil {
		h.closeLoops()
		return err
	}
	return h.runLoops(tcp, claims.Release)
}

// runLoops runs all loops until they have ended. listening is called once all of them listen on
// tcp. If one ends although no shutdown was requested, runLoops stops the others and returns its
// error.
func (h *Hub) runLoops(tcp []loop.Listener, listening func()) error {
	yetToListen, yetToAccept := newCountdown(len(h.loops), listening), newCountdown(len(h.loops), h.accept)
	ended := make(chan error, len(h.loops))
	for _, l := range h.loops {
		go func() {
			err := l.Run(loop.Listeners{
				TCP:       tcp,
				Listening: yetToListen.down,
				Accept:    yetToAccept.down,
				Close:     h.unix.Close,
			})
			// A goroutine that accepts on a unix socket may wait for this loop, and the other loops
			// wait for that goroutine.
			l.Close()
			ended <- err
		}()
	}
	var first error
	for range h.loops {
		if err := <-ended; err != nil && first == nil {
			first = err
			for _, l := range h.loops {
				l.StopNow()
			}
		}
	}
	return first
}

// accept accepts connections on the unix sockets. All loops are ready.
func (h *Hub) accept() {
	h.unix.Start(h.enroll, h.config.Logger)
	close(h.ready)
}

// A countdown calls a function when down was called a number of times.
type countdown struct {
	left atomic.Int32
	done func()
}

func newCountdown(from int, done func()) *countdown {
	c := &countdown{done: done}
	c.left.Store(int32(from))
	return c
}

func (c *countdown) down() {
	if c.left.Add(-1) == 0 {
		c.done()
	}
}

// closeLoops releases the resources of loops that do not run.
func (h *Hub) closeLoops() {
	for _, l := range h.loops {
		l.Close()
	}
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
	h.asked.Store(true) // must be set before a loop can end
	for _, l := range h.loops {
		l.StartDrain()
	}
	if h.began.CompareAndSwap(false, true) {
		h.closeLoops() // Serve was never called
		close(h.finished)
		return nil
	}
	select {
	case <-h.finished:
		return nil
	case <-ctx.Done():
		for _, l := range h.loops {
			l.StopNow()
		}
		h.endHooksWait()
		<-h.finished
		return ctx.Err()
	}
}

// Ready returns a channel that is closed once the Hub accepts connections.
func (h *Hub) Ready() <-chan struct{} { return h.ready }

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
	return h.loops[0].PublishMessage(ctx, namespace, m)
}

// Publishers returns a sink and a session configuration for publishers on a separate loop.
func (h *Hub) Publishers() (sink publish.Sink, session publish.Config) {
	return h.loops[0].Sink(), h.session
}

// StoreSink returns the sink that a store delivers to.
func (h *Hub) StoreSink() loop.StoreSink { return h.loops[0].StoreSink() }
