package evioserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/tidwall/evio"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/publish"
)

const (
	// replyTimeoutDefault is longer than any pause of a program that is alive.
	replyTimeoutDefault = 30 * time.Second
	// reopenPause lies between the attempts to listen again: long enough for
	// descriptors to come free, short enough for a publisher to try again.
	reopenPause = time.Second
	// stopInterval lies between the attempts to stop evio.
	stopInterval = 20 * time.Millisecond
)

var (
	// errEnded is an end that nobody asked for: evio keeps the reason to itself.
	errEnded = errors.New("evio gave up, most likely because it could not accept a connection")
	// errAbandoned is an end that Shutdown did not wait for.
	errAbandoned = errors.New("evio was left behind")
)

// Options say where and for whom a Server listens.
type Options struct {
	Listen  []string       // "tcp://host:port" or "unix:///path"; at least one
	Session publish.Config // of every connection
	// Sink takes the messages; it is called on evio's goroutine. One that returns
	// publish.ErrPending must be a publish.Settler.
	Sink publish.Sink
	// PublishersMax is how many publishers may be connected; the next gets "ERR busy"
	// and is closed. It must leave descriptors for everything else: evio ends when it
	// cannot accept. Default: 1000, or a quarter of RLIMIT_NOFILE less a reserve of 256
	// where that is less.
	PublishersMax int
	// ReplyTimeout closes a publisher who lets its replies lie unread, and so is
	// not read from, this long without taking a byte. Default: 30s.
	ReplyTimeout time.Duration
	// Logger gets what an operator should know. Default: slog.Default().
	Logger *slog.Logger
}

// endpoints parses Listen, and refuses options that cannot be meant.
func (o *Options) endpoints() ([]listen.Endpoint, error) {
	switch {
	case o.PublishersMax < 0:
		return nil, fmt.Errorf("evioserver: PublishersMax=%d: must be 1 or more, or 0 for the default", o.PublishersMax)
	case o.ReplyTimeout < 0:
		return nil, fmt.Errorf("evioserver: ReplyTimeout=%v: must be more than 0s, or 0s for the default", o.ReplyTimeout)
	}
	return listen.ParseEndpoints(o.Listen)
}

// A Server listens on its endpoints from Serve until Shutdown.
type Server struct {
	opts  Options
	ready chan struct{} // closed once all endpoints listen for the first time

	stop      chan struct{} // closed by Shutdown: no more listening
	stopOnce  sync.Once
	abandon   chan struct{} // closed when Shutdown waits no longer
	abandoned sync.Once
	done      chan struct{} // closed when Serve has returned

	mu           sync.Mutex
	started      bool
	addrs        []net.Addr
	publishers   map[evio.Conn]*publisher // those that may be woken: see wakeAll
	unlogged     unlogged
	turnedAway   uint64 // since the start, as is closedUnread: see Counts
	closedUnread uint64

	// The rest belongs to evio's goroutine.
	listening time.Time       // since when
	replies   []byte          // one buffer for all: evio copies what Data returns
	later     publish.Replies // of one publisher at a time: see waitReplies
}

// New makes a Server that does not listen yet.
func New(opts Options) *Server {
	opts.PublishersMax = cmp.Or(opts.PublishersMax, openfiles.Publishers(openfiles.Limit()-openfiles.Reserve))
	opts.ReplyTimeout = cmp.Or(opts.ReplyTimeout, replyTimeoutDefault)
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	return &Server{
		opts:       opts,
		ready:      make(chan struct{}),
		stop:       make(chan struct{}),
		abandon:    make(chan struct{}),
		done:       make(chan struct{}),
		publishers: map[evio.Conn]*publisher{},
	}
}

// Ready is closed once the server listens on all endpoints.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addrs returns where the server listens, in the order of Options.Listen; nil
// before Ready.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addrs
}

// Serve listens and serves until Shutdown; then it returns nil. It may be called
// once. An endpoint that cannot be listened on is an error at once.
//
// Any error of accept, such as a lack of descriptors, ends evio, and with it all
// publishers' connections. Serve then listens again on the same addresses: the
// subscribers live elsewhere and notice nothing.
func (s *Server) Serve() error {
	defer close(s.done)
	if !s.start() {
		return nil
	}
	endpoints, err := s.opts.endpoints()
	if err != nil {
		return err
	}
	err = s.listen(endpoints)
	for s.isReady() && !s.stopped() {
		s.opts.Logger.Error("the publishers' loop ended and will be opened again", "err", err, "pause", reopenPause)
		select {
		case <-time.After(reopenPause):
			err = s.listen(s.bound())
		case <-s.stop:
		}
	}
	if s.stopped() {
		return nil
	}
	return err
}

// start tells whether Serve has anything to do.
func (s *Server) start() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	return !s.stopped()
}

// listen runs evio once, until it ends.
func (s *Server) listen(endpoints []listen.Endpoint) error {
	if err := precautions(endpoints); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.runEvio(endpoints) }()
	look := time.NewTicker(s.opts.ReplyTimeout / 4)
	defer look.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	defer s.flushSuppressed()
	for {
		select {
		case err := <-ended:
			return err
		case <-s.abandon:
			return errAbandoned
		case <-look.C:
			s.wakeAll()
		case <-second.C:
			s.flushSuppressed()
		}
	}
}

func (s *Server) runEvio(endpoints []listen.Endpoint) error {
	restoreUmask := listen.RestrictUmask()
	defer restoreUmask()
	addresses := make([]string, len(endpoints))
	for i, e := range endpoints {
		addresses[i] = e.String()
	}
	err := evio.Serve(evio.Events{
		NumLoops: 1,
		Serving: func(server evio.Server) evio.Action {
			restoreUmask()
			return s.serving(endpoints, server.Addrs)
		},
		Opened: s.opened,
		Data:   s.data,
		Closed: s.closed,
		// No Tick: evio's ticker sleeps on when the loop has ended, and then
		// writes 8 bytes to the loop's closed descriptor - by then a subscriber,
		// perhaps. Wake, under our lock, does without it.
	}, addresses...)
	if err != nil {
		return fmt.Errorf("cannot listen for publishers: %w", err)
	}
	return errEnded
}

// bound returns the endpoints with the ports that were chosen for port 0.
func (s *Server) bound() (endpoints []listen.Endpoint) {
	for _, addr := range s.Addrs() {
		endpoints = append(endpoints, listen.Endpoint{Network: addr.Network(), Address: addr.String()})
	}
	return endpoints
}

// Shutdown stops listening, closes all publishers and waits until Serve has
// returned. Whatever was answered OK is in the Sink. If ctx ends first, evio is
// left behind, Serve returns all the same, and ctx's error comes back.
//
// A process that goes on should not accept connections meanwhile: evio closes the
// descriptor number of a listener twice in a row, and between the two the number
// may have become somebody else's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopOnce.Do(func() { close(s.stop) })
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	if !started {
		return nil // and Serve, if it is called yet, returns at once
	}
	for s.triggerStop() {
		select {
		case <-s.done:
			return nil
		case <-time.After(stopInterval):
		case <-ctx.Done():
			s.abandonEvio()
			<-s.done
			return ctx.Err()
		}
	}
	s.abandonEvio()
	<-s.done
	return nil
}

// abandonEvio makes Serve return without waiting for evio.
func (s *Server) abandonEvio() { s.abandoned.Do(func() { close(s.abandon) }) }

// triggerStop makes evio call us, for it stops only when a callback says so: a new
// connection does that, or one that is there. It returns false if there is
// neither, since somebody removed the socket: then evio serves nobody any more.
func (s *Server) triggerStop() (reached bool) {
	if !s.isReady() {
		return true // serving will see it
	}
	for _, addr := range s.Addrs() {
		conn, err := net.DialTimeout(addr.Network(), addr.String(), stopInterval)
		if err == nil {
			conn.Close()
			return true
		}
	}
	return s.wakeAll() > 0
}

func (s *Server) stopped() bool { return isClosed(s.stop) }
func (s *Server) isReady() bool { return isClosed(s.ready) }

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
