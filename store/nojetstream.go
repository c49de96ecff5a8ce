package store

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Advice for operators whose server or account has no JetStream.
const (
	enableServer  = `start nats-server with -js, or with "jetstream {}" in its configuration`
	enableAccount = `add "jetstream: enabled" to the account in the server's configuration, or give it JetStream limits with "nsc edit account"`
)

// explained returns an error with advice if err means that there is no JetStream. Otherwise it
// returns err.
//
// A server without JetStream does not answer requests about streams: the client only gets "no
// responders". The Store still retries, because the server may be restarted with JetStream, or
// another server of its cluster may be about to start.
func (s *Store) explained(err error) error {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn == nil || err == nil {
		return err
	}
	at := redacted(conn.ConnectedUrl())
	refusal, _ := errors.AsType[*jetstream.APIError](err)
	switch has, _ := conn.ConnectedServerJetStream(); {
	case refusal != nil && refusal.ErrorCode == jetstream.JSErrCodeJetStreamNotEnabledForAccount:
		return fmt.Errorf("JetStream is not enabled for this account at %s: %s", at, enableAccount)
	case refusal != nil && refusal.ErrorCode == jetstream.JSErrCodeJetStreamNotEnabled,
		!has && conn.IsConnected() && errors.Is(err, nats.ErrNoResponders):
		if conn.ConnectedClusterName() != "" {
			return fmt.Errorf("JetStream is not enabled at %s, and no server of its cluster with JetStream can be reached: %s", at, enableServer)
		}
		return fmt.Errorf("JetStream is not enabled at %s: %s", at, enableServer)
	}
	return err
}
