package admin

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// ConnsMax limits the number of open connections. It is enough for a few operators and metrics
// collectors. Each of these connections has a goroutine, unlike those of subscribers.
const ConnsMax = 64

const (
	headerTimeout    = 5 * time.Second
	requestTimeout   = 10 * time.Second // to read a request, and to write an answer
	idleTimeout      = time.Minute
	headBytesMax     = 16 << 10
	bodyBytesMax     = 8 << 20 // enough for a form with a long message, percent-encoded
	answerTimeout    = 5 * time.Second
	livenessTimeout  = time.Second
	sampleInterval   = time.Second
	samplesMax       = 600 // ten minutes
	sessionsMax      = 1000
	sessionLife      = 12 * time.Hour
	connectionsShown = 1000 // the default of ?limit=
)

// A Daemon is the server that the pages show and control, such as a ssed.Server.
type Daemon interface {
	Publish(ctx context.Context, m sse.Message) error
	Stats(ctx context.Context) (loop.Stats, error)
	LoopStats(ctx context.Context) ([]loop.Stats, error)
	Subscribers(ctx context.Context) ([]loop.SubscriberInfo, error)
	Disconnect(ctx context.Context, id loop.ConnID) (found bool, err error)
	Tokens() *auth.Table
}

// Options configure a Server.
type Options struct {
	Daemon Daemon // the server that the pages show; the only required option
	// Tokens returns the current tokens. A token with the metrics right gives access to /metrics
	// only. If any token has the admin right, only such tokens give access to the pages. Otherwise
	// clients on this machine may see the pages without a token.
	// Default: the tokens of the Daemon.
	Tokens func() *auth.Table
	// Node is the name of this daemon, and Version its version.
	Node, Version string
	// Subscribers returns the address to which subscribers connect, if it is not the address of the
	// pages. Default: the address of the pages.
	Subscribers func() net.Addr
	// Publishers adds the publishers that are not connected to the loop to the loop's figures: how
	// many are connected, were turned away, and were closed. Default: there are no such publishers.
	Publishers func(*loop.Stats)
	// Store returns the state of the store. It must not wait. Default: there is no store.
	Store func() Store
	// LogLinesLost returns how many lines of the daemon's log could not be written. Default: 0.
	LogLinesLost func() uint64
	// Debug also serves the profiles of net/http/pprof at /debug/pprof/.
	Debug bool
	// Logger logs sign-ins, failed sign-ins, and disconnections by an operator. Default:
	// slog.Default().
	Logger *slog.Logger
}

// A Server serves the admin pages, on connections that the loop hands over (Take) or on its own
// listeners (Serve).
type Server struct {
	opts     Options
	http     *http.Server
	handed   *queue
	sessions sessions
	failures failures
	sampler  *sampler
	surveys  *surveys
	started  time.Time
}

// stats returns the figures of the daemon, with those of the publishers outside the loops added,
// and the figures of each loop.
func (s *Server) stats(ctx context.Context) (stats loop.Stats, loops []loop.Stats, err error) {
	if loops, err = s.opts.Daemon.LoopStats(ctx); err != nil {
		return stats, nil, err
	}
	stats = loop.SumStats(loops)
	s.opts.Publishers(&stats)
	return stats, loops, nil
}

// New returns a Server. It starts to take samples for the charts. Call Shutdown to stop this.
func New(opts Options) *Server {
	if opts.Tokens == nil {
		opts.Tokens = opts.Daemon.Tokens
	}
	if opts.Publishers == nil {
		opts.Publishers = func(*loop.Stats) {}
	}
	if opts.LogLinesLost == nil {
		opts.LogLinesLost = func() uint64 { return 0 }
	}
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	s := &Server{opts: opts, handed: newQueue(), started: time.Now()}
	s.sampler = newSampler(s)
	s.surveys = newSurveys(s.survey)
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headBytesMax,
		ErrorLog:          slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug),
		ConnContext:       withHanded,
	}
	go s.sampler.run()
	go s.http.Serve(s.handed)
	return s
}

// subscribeURL returns the URL at which the page can subscribe, or "" if browsers cannot reach it.
func (s *Server) subscribeURL(r *http.Request) string {
	if s.opts.Subscribers == nil {
		return "/subscribe"
	}
	host, port, err := net.SplitHostPort(s.opts.Subscribers().String())
	if err != nil {
		return "" // a unix socket, which browsers cannot use
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = (&url.URL{Host: r.Host}).Hostname() // the host name in the page's own URL
	}
	return "http://" + net.JoinHostPort(host, port) + "/subscribe"
}

// Paths returns the paths whose requests the loop must hand over.
func (o *Options) Paths() []string {
	paths := []string{"/admin", "/metrics"}
	if o.Debug {
		paths = append(paths, "/debug/pprof")
	}
	return paths
}

// Take serves a connection that the loop has handed over.
func (s *Server) Take(c *loop.HandedConn) { s.handed.put(c) }

// Serve serves the connections of a listener, at most ConnsMax at the same time, until Shutdown. It
// then returns nil.
func (s *Server) Serve(listener net.Listener) error {
	err := s.http.Serve(&limited{Listener: listener, places: make(chan struct{}, ConnsMax)})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown closes all connections immediately, without waiting for requests in progress.
func (s *Server) Shutdown() {
	s.sampler.stop()
	s.handed.Close()
	s.http.Close()
}

// handedKey is the context key of the connection that the loop handed over.
type handedKey struct{}

func withHanded(ctx context.Context, c net.Conn) context.Context {
	if handed, ok := c.(*loop.HandedConn); ok {
		return context.WithValue(ctx, handedKey{}, handed)
	}
	return ctx
}

// handedConn returns the connection of a request if the loop handed it over, and nil if it arrived
// on our own listener.
func handedConn(r *http.Request) *loop.HandedConn {
	handed, _ := r.Context().Value(handedKey{}).(*loop.HandedConn)
	return handed
}
