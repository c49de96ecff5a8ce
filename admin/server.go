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

// ConnsMax is how many connections may be open at once: a few people and
// collectors. Each has a goroutine, which subscribers never have.
const ConnsMax = 64

const (
	headerTimeout    = 5 * time.Second
	requestTimeout   = 10 * time.Second // to read a request, and to write an answer
	idleTimeout      = time.Minute
	headBytesMax     = 16 << 10
	bodyBytesMax     = 8 << 20 // a form with a long message, percent-encoded
	answerTimeout    = 5 * time.Second
	livenessTimeout  = time.Second
	sampleInterval   = time.Second
	samplesMax       = 600 // ten minutes
	sessionsMax      = 1000
	sessionLife      = 12 * time.Hour
	connectionsShown = 1000 // unless ?limit= says otherwise
)

// A Daemon is what the pages show and act upon: a ssed.Server.
type Daemon interface {
	Publish(ctx context.Context, m sse.Message) error
	Stats(ctx context.Context) (loop.Stats, error)
	Subscribers(ctx context.Context) ([]loop.SubscriberInfo, error)
	Disconnect(ctx context.Context, id loop.ConnID) (found bool, err error)
	Tokens() *auth.Table
}

// Options say what a Server shows, and to whom.
type Options struct {
	Daemon Daemon // what these pages show; the only option that must be set
	// Tokens returns the tokens in force. One with the metrics right reads /metrics and
	// nothing else. If one has the admin right, only such tokens open these pages;
	// otherwise clients on this machine may see them.
	// Default: those of the Daemon.
	Tokens func() *auth.Table
	// Node names this daemon among others, and Version what it was built from.
	Node, Version string
	// Subscribers returns where subscribers connect, if that is another address than
	// the pages have. Default: it is the same.
	Subscribers func() net.Addr
	// Publishers adds to the loop's figures those of publishers that are not connected to
	// it: how many are, were turned away, and closed. Default: there are none.
	Publishers func(*loop.Stats)
	// Store tells how the store does, at once. Default: there is none.
	Store func() Store
	// LogLinesLost returns how many lines of the daemon's log could not be written. Default: 0.
	LogLinesLost func() uint64
	// Debug serves the profiles of net/http/pprof at /debug/pprof/, too.
	Debug bool
	// Logger is told who signs in, and who fails to. Default: slog.Default().
	Logger *slog.Logger
}

// A Server serves the admin pages, on connections that are handed to it (Take) or
// on listeners of its own (Serve).
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

// stats asks the loop for its figures, and adds those of publishers elsewhere.
func (s *Server) stats(ctx context.Context) (stats loop.Stats, err error) {
	if stats, err = s.opts.Daemon.Stats(ctx); err == nil {
		s.opts.Publishers(&stats)
	}
	return stats, err
}

// New makes a Server, and begins to take samples for its charts.
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

// subscribeURL is where the page of a request finds streams.
func (s *Server) subscribeURL(r *http.Request) string {
	if s.opts.Subscribers == nil {
		return "/subscribe"
	}
	host, port, err := net.SplitHostPort(s.opts.Subscribers().String())
	if err != nil {
		return "" // a unix socket: no browser comes there
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = (&url.URL{Host: r.Host}).Hostname() // by which the page was found
	}
	return "http://" + net.JoinHostPort(host, port) + "/subscribe"
}

// Paths are those that the loop has to hand over.
func (o *Options) Paths() []string {
	paths := []string{"/admin", "/metrics"}
	if o.Debug {
		paths = append(paths, "/debug/pprof")
	}
	return paths
}

// Take serves a connection that the loop has handed over.
func (s *Server) Take(c *loop.HandedConn) { s.handed.put(c) }

// Serve serves the connections of a listener, at most ConnsMax at once, until
// Shutdown; then it returns nil.
func (s *Server) Serve(listener net.Listener) error {
	err := s.http.Serve(&limited{Listener: listener, places: make(chan struct{}, ConnsMax)})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown closes everything: nothing here is worth waiting for.
func (s *Server) Shutdown() {
	s.sampler.stop()
	s.handed.Close()
	s.http.Close()
}

// handedKey is where a request's context has the connection that was handed over.
type handedKey struct{}

func withHanded(ctx context.Context, c net.Conn) context.Context {
	if handed, ok := c.(*loop.HandedConn); ok {
		return context.WithValue(ctx, handedKey{}, handed)
	}
	return ctx
}

// handedConn returns the connection of a request if the loop has handed it over,
// and nil if it came to an address of our own.
func handedConn(r *http.Request) *loop.HandedConn {
	handed, _ := r.Context().Value(handedKey{}).(*loop.HandedConn)
	return handed
}
