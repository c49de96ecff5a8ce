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
	// replyTimeoutDefault is longer than any pause of a program that is still running.
	replyTimeoutDefault = 30 * time.Second
	// reopenPause is the time between attempts to listen again: long enough for descriptors to
	// become free, short enough for publishers that retry.
	reopenPause = time.Second
	// stopInterval is the time between attempts to stop evio.
	stopInterval = 20 * time.Millisecond
)

var (
	// errEnded is returned when evio stops without a Shutdown. evio does not report the reason.
	errEnded = errors.New("evio stopped, most likely because it could not accept a connection")
	// errAbandoned is returned when Shutdown does not wait for evio any longer.
	errAbandoned = errors.New("evio did not stop in time")
)

// Options configure a Server.
type Options struct {
	Listen  []string       // "tcp://host:port" or "unix:///path"; at least one
	Session publish.Config // for every connection
	// Sink receives the messages. It is called on evio's goroutine. A Sink that returns
	// publish.ErrPending must be a publish.Settler.
	Sink publish.Sink
	// PublishersMax limits the number of connected publishers; the next one gets "ERR busy" and is
	// closed. It must leave descriptors for everything else, because evio stops when it cannot
	// accept a connection. Default: 1000, or, if that is less, a quarter of RLIMIT_NOFILE minus a
	// reserve of 256.
	PublishersMax int
	// ReplyTimeout is how long a publisher may leave its replies unread. While it does, the server
	// does not read from it; after this time without any byte sent, the server closes it.
	// Default: 30s.
	ReplyTimeout time.Duration
	// Logger receives warnings and errors for the operator. Default: slog.Default().
	Logger *slog.Logger
}

// endpoints checks the options and parses Listen.
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
	publishers   map[evio.Conn]*publisher // the open connections: see wakeAll
	unlogged     unlogged
	turnedAway   uint64 // since the start, like closedUnread: see Counts
	closedUnread uint64

	// Only evio's goroutine uses the fields below.
	listening time.Time       // when evio started to listen
	replies   []byte          // one buffer for all connections, because evio copies the replies
	later     publish.Replies // for one publisher at a time: see waitReplies
}

// New returns a Server that does not listen yet.
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

// Ready returns a channel that is closed once the server listens on all endpoints.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addrs returns the addresses on which the server listens, in the order of Options.Listen. It
// returns nil before Ready.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addrs
}

// Serve listens and serves publishers until Shutdown; then it returns nil. It may be called only
// once. If it cannot listen on an endpoint, it returns an error immediately.
//
// Any error of accept, such as a lack of descriptors, stops evio and closes all connections of
// publishers. Serve then listens again on the same addresses. Subscribers are not affected, because
// another loop serves them.
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
		s.opts.Logger.Error("publishers' event loop stopped; restarting", "err", err, "pause", reopenPause)
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

// start marks the server as started. It reports false if Shutdown was called before.
func (s *Server) start() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	return !s.stopped()
}

// listen runs evio once, until evio stops or Shutdown abandons it. Every quarter of ReplyTimeout it
// wakes all publishers, so that awake checks for unread replies.
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
		// There is no Tick: evio's ticker continues to sleep after the loop has ended, and then
		// writes 8 bytes to the loop's closed descriptor, which may belong to a subscriber at that
		// time. Wake, called under our lock, replaces it: see wakeAll.
	}, addresses...)
	if err != nil {
		return fmt.Errorf("cannot listen for publishers: %w", err)
	}
	return errEnded
}

// bound returns the endpoints, with the actual port where port 0 was configured.
func (s *Server) bound() (endpoints []listen.Endpoint) {
	for _, addr := range s.Addrs() {
		endpoints = append(endpoints, listen.Endpoint{Network: addr.Network(), Address: addr.String()})
	}
	return endpoints
}

// Shutdown stops listening, closes all publishers and waits until Serve has returned. Every message
// that was answered OK is in the Sink. If ctx ends first, Shutdown does not wait for evio any
// longer: Serve returns, and Shutdown returns ctx's error.
//
// A process that continues to run should not accept connections during Shutdown: evio closes the
// descriptor number of a listener twice, and a connection accepted between the two may get the same
// number.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopOnce.Do(func() { close(s.stop) })
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	if !started {
		return nil // if Serve is called later, it returns immediately
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

// triggerStop makes evio call one of our callbacks, because evio stops only when a callback returns
// evio.Shutdown. It opens a connection, or wakes the existing ones. It returns false if neither is
// possible: the socket file was removed and no publisher is connected, so evio has nothing to
// serve.
func (s *Server) triggerStop() (reached bool) {
	if !s.isReady() {
		return true // the callback serving will stop evio
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
