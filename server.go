package ssed

import (
	"context"
	"net"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/internal/hub"
	"github.com/ssed/ssed/publish"
)

// A Server serves subscribers and publishers. Several servers may run in one process, each on its
// own addresses. All methods may be called from any goroutine.
type Server struct{ hub *hub.Hub }

// New returns a Server that does not listen yet; call Serve to start it. Messages published before
// Serve wait in the mailbox. The error is the result of Options.Validate, or reports which system
// resource could not be allocated.
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

// Serve listens and serves until Shutdown is called. It returns nil after the hooks, such as
// OnUnsubscribe, have returned or the context of Shutdown has ended. It returns an error if an
// address cannot be used or an event loop fails; after such a failure, it waits up to 5 s for the
// hooks. Serve may be called once.
func (s *Server) Serve() error { return s.hub.Serve() }

// Ready returns a channel that is closed once the server accepts connections.
func (s *Server) Ready() <-chan struct{} { return s.hub.Ready() }

// ListenAddrs returns the addresses for subscribers. Port 0 is replaced by the port that was
// chosen. Call it after the server is ready.
func (s *Server) ListenAddrs() []net.Addr { return s.hub.ListenAddrs() }

// PublishAddrs returns the addresses of Options.Publish, for publishers. Port 0 is replaced by
// the port that was chosen. Call it after the server is ready.
func (s *Server) PublishAddrs() []net.Addr { return s.hub.PublishAddrs() }

// Publish sends a message to every subscriber of its namespace. It returns once the message is
// accepted. An accepted message is delivered after all messages that the caller published before.
// Publish blocks while the mailbox of an event loop is full.
//
// The error for an invalid message wraps nsindex.ErrNamespace, sse.ErrEvent, sse.ErrUTF8 or
// sse.ErrTooLong. It wraps sse.ErrReserved if the event name is reserved for the server's own
// events. While the server is stopping, the error wraps publish.ErrBusy. If ctx ends first, it is
// the context's error.
func (s *Server) Publish(ctx context.Context, m Message) error { return s.hub.Publish(ctx, m) }

// Publishers returns a sink and a session configuration for publishers on a separate loop, such as
// a publish/evioserver.Server. The configuration has the server's tokens and limits. With a Store
// or several loops, replies have the sequence numbers of the messages. Otherwise the numbers count
// the messages of the sink and of Publish. They match the order of publishing as long as no
// publisher uses Options.Publish. With a Store, the sink also implements publish.Settler. With
// several loops and no Store, it implements publish.Flusher: messages may wait in it until Flush,
// which publish.Session calls. A sink that wraps it must implement the same interface.
func (s *Server) Publishers() (sink publish.Sink, session publish.Config) { return s.hub.Publishers() }

// StoreSink returns the sink that a Store delivers its messages to.
func (s *Server) StoreSink() StoreSink { return s.hub.StoreSink() }

// Stats returns the server's figures, summed over its event loops. With one loop they are a
// consistent snapshot. The error is the context's, ErrStopped or ErrBusy.
func (s *Server) Stats(ctx context.Context) (Stats, error) { return s.hub.Stats(ctx) }

// LoopStats returns the figures of each event loop, in the order of their numbers. The error is the
// context's, ErrStopped or ErrBusy.
func (s *Server) LoopStats(ctx context.Context) ([]Stats, error) { return s.hub.LoopStats(ctx) }

// Subscribers returns all subscribers. It reads them in pages that each occupy the loop for less
// than a millisecond, so the list is not a snapshot. It may or may not include subscribers that
// connect or disconnect during the call. The error is the context's, ErrStopped or ErrBusy.
func (s *Server) Subscribers(ctx context.Context) ([]SubscriberInfo, error) {
	return s.hub.Subscribers(ctx)
}

// Disconnect closes the connection of one subscriber. The client may reconnect. found is false if
// there was no such connection. The error is the context's, ErrStopped or ErrBusy.
func (s *Server) Disconnect(ctx context.Context, id ConnID) (found bool, err error) {
	return s.hub.Disconnect(ctx, id)
}

// Tokens returns the current tokens.
func (s *Server) Tokens() *auth.Table { return s.hub.Tokens() }

// SetTokens replaces the tokens. For connected publishers, the new tokens apply from their next
// message on. Open streams stay open.
func (s *Server) SetTokens(tokens *auth.Table) { s.hub.SetTokens(tokens) }

// Shutdown stops the server. It rejects new messages, delivers the accepted ones, and then
// disconnects the subscribers over the time Options.Drain. Each subscriber gets a random time to
// wait before it reconnects, and so do clients that connect during shutdown. Shutdown returns after
// OnUnsubscribe has returned for all subscribers.
//
// If ctx ends first, Shutdown closes all connections immediately, drops the pending calls of hooks,
// and returns the context's error. Allow a few seconds more than Drain.
func (s *Server) Shutdown(ctx context.Context) error { return s.hub.Shutdown(ctx) }
