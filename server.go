package ssed

import (
	"context"
	"net"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/hub"
	"github.com/ssed/ssed/publish"
)

// A Server is one daemon. Several may run in a process, each on addresses of its own.
// All methods may be called from any goroutine.
type Server struct{ hub *hub.Hub }

// New makes a Server. It does not listen yet, but Publish may be called: what comes
// before Serve waits in the mailbox. The error is that of Options.Validate, or says which
// resource the system refused.
func New(opts Options) (*Server, error) {
	config, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	h, err := hub.New(config)
	if err != nil {
		return nil, err
	}
	return &Server{h}, nil
}

// Serve listens and serves until Shutdown, and then returns nil, when the hooks have
// returned or Shutdown waits no longer. The error says which address could not be used,
// or why the engine ended by itself; the hooks have 5 s then. A Server serves once.
func (s *Server) Serve() error { return s.hub.Serve() }

// Ready is closed once the server accepts connections.
func (s *Server) Ready() <-chan struct{} { return s.hub.Ready() }

// ListenAddrs returns where subscribers connect, with the port that was chosen for port
// 0. It is known once the server is Ready.
func (s *Server) ListenAddrs() []net.Addr { return s.hub.ListenAddrs() }

// PublishAddrs returns where publishers connect to this server's loop, likewise.
func (s *Server) PublishAddrs() []net.Addr { return s.hub.PublishAddrs() }

// Publish sends a message to every subscriber of its namespace. It returns once the
// message is accepted: it is then delivered, after every message that the caller has
// published before. It waits while the mailbox is full. Errors wrap nsindex.ErrNamespace,
// sse.ErrEvent (sse.ErrReserved for a name that the server sends itself), sse.ErrUTF8 or
// sse.ErrTooLong for a bad message, publish.ErrBusy when the server is stopping, or are
// the context's.
func (s *Server) Publish(ctx context.Context, m Message) error { return s.hub.Publish(ctx, m) }

// Publishers returns what publishers need that run on a loop of their own, such as a
// publish/evioserver.Server: the sink to which they publish, and the configuration of
// their sessions, with the server's tokens and limits. The sequence numbers in their
// replies count what went through the sink, which is the order of publishing as long as
// all publishers use it. With a Store the sink is a publish.Settler.
func (s *Server) Publishers() (sink publish.Sink, session publish.Config) { return s.hub.Publishers() }

// StoreSink returns the sink that a Store delivers to.
func (s *Server) StoreSink() StoreSink { return s.hub.StoreSink() }

// Stats returns the server's figures as they are on the loop at one moment. The error is
// the context's, ErrStopped or ErrBusy.
func (s *Server) Stats(ctx context.Context) (Stats, error) { return s.hub.Stats(ctx) }

// Subscribers returns all subscribers. It reads them in pages, each of which holds the
// loop for less than a millisecond. So the list is not of one moment: a subscriber that
// connects or leaves meanwhile may be in it or not. The error is the context's,
// ErrStopped or ErrBusy.
func (s *Server) Subscribers(ctx context.Context) ([]SubscriberInfo, error) {
	return s.hub.Subscribers(ctx)
}

// Disconnect closes one subscriber, which may reconnect. It reports whether the
// connection was found. The error is the context's, ErrStopped or ErrBusy.
func (s *Server) Disconnect(ctx context.Context, id ConnID) (found bool, err error) {
	return s.hub.Disconnect(ctx, id)
}

// Tokens returns the tokens in force.
func (s *Server) Tokens() *auth.Table { return s.hub.Tokens() }

// SetTokens replaces the tokens in force. Publishers that are connected are judged by the
// new tokens from their next message on; streams that are open stay open.
func (s *Server) SetTokens(tokens *auth.Table) { s.hub.SetTokens(tokens) }

// Shutdown ends the server. It refuses new messages, delivers what was accepted, and then
// disconnects the subscribers, spread over Options.Drain, each with a time to reconnect
// after. Clients that come meanwhile get such a time, too. It returns when OnUnsubscribe
// has returned for all subscribers. When ctx ends first, it closes all connections as they
// are, abandons the calls that wait for a hook to return, and returns the context's error;
// so give it some seconds more than Drain.
func (s *Server) Shutdown(ctx context.Context) error { return s.hub.Shutdown(ctx) }
