package store

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connect connects, if we are not connected. It may take a while, and those who ask
// for the Status do not wait for it.
func (s *Store) connect() error {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	options := append(s.opts.Servers.options(),
		nats.Name("ssed"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectPause),
		nats.ReconnectJitter(reconnectPause, reconnectPause),
		nats.ReconnectBufSize(-1), // what cannot be sent now is to be known as such
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(pingInterval),
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) { s.disconnected(conn, err) }),
		nats.ReconnectHandler(func(conn *nats.Conn) { s.reconnected(conn) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.Warn("the NATS client reports an error", "err", err)
		}),
	)
	var conn *nats.Conn
	var err error
	if s.embedded != nil {
		conn, err = s.embedded.connect(options...)
	} else {
		conn, err = nats.Connect(s.opts.Servers.list(), options...)
	}
	if errors.Is(err, nats.ErrNoServers) { // the client's word for this
		err = errors.New("nobody listens there (connection refused)")
	}
	if err != nil {
		return fmt.Errorf("cannot connect to %s: %w", s.opts.Servers.names(), err)
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(callTime))
	if err != nil {
		conn.Close()
		return err
	}
	s.mu.Lock()
	s.conn, s.js = conn, js
	s.status.Server = s.server(conn)
	s.mu.Unlock()
	return s.sender.attach(conn)
}
