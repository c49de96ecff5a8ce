package store

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connect connects, if we are not connected. It may take a while, and those who ask
// for the Status do not wait for it.
func (r *Store) connect() error {
	if r.conn != nil && !r.conn.IsClosed() {
		return nil
	}
	options := append(r.opts.Servers.options(),
		nats.Name("ssed"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectPause),
		nats.ReconnectJitter(reconnectPause, reconnectPause),
		nats.ReconnectBufSize(-1), // what cannot be sent now is to be known as such
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(pingInterval),
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) { r.disconnected(conn, err) }),
		nats.ReconnectHandler(func(conn *nats.Conn) { r.reconnected(conn) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			r.log.Warn("the NATS client reports an error", "err", err)
		}),
	)
	var conn *nats.Conn
	var err error
	if r.embedded != nil {
		conn, err = r.embedded.connect(options...)
	} else {
		conn, err = nats.Connect(r.opts.Servers.list(), options...)
	}
	if errors.Is(err, nats.ErrNoServers) { // the client's word for this
		err = errors.New("nobody listens there (connection refused)")
	}
	if err != nil {
		return fmt.Errorf("cannot connect to %s: %w", r.opts.Servers.names(), err)
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(callTime))
	if err != nil {
		conn.Close()
		return err
	}
	r.mu.Lock()
	r.conn, r.js = conn, js
	r.status.Server = r.server(conn)
	r.mu.Unlock()
	return r.sender.attach(conn)
}
