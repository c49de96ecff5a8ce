package store

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connect connects to the NATS server, unless there is a connection already. Only Serve's
// goroutine calls it. It may block for long, so it holds mu only to store the result: Status
// must not wait.
//
// Once connected, the NATS client reconnects on its own, with the same *nats.Conn, and
// restores its subscriptions. It calls disconnected and reconnected. Messages and acks that were
// on the way are lost: see errReconnected and sender.reconnected.
func (s *Store) connect() error {
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	options := append(s.opts.Servers.options(),
		nats.Name("ssed"),
		nats.MaxReconnects(-1), // no limit
		nats.ReconnectWait(reconnectPause),
		nats.ReconnectJitter(reconnectPause, reconnectPause),
		// By default the client buffers messages while it is disconnected, and the sender
		// would not know which of them are sent. -1 makes PublishMsg return an error instead.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(pingInterval),
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) { s.disconnected(conn, err) }),
		nats.ReconnectHandler(func(conn *nats.Conn) { s.reconnected(conn) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.Warn("NATS client error", "err", err)
		}),
	)
	var conn *nats.Conn
	var err error
	if s.embedded != nil {
		conn, err = s.embedded.connect(options...)
	} else {
		conn, err = nats.Connect(s.opts.Servers.list(), options...)
	}
	if errors.Is(err, nats.ErrNoServers) { // the client returns this if each server refuses
		err = errors.New("connection refused")
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
