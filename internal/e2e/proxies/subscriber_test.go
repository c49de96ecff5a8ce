package proxies

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// quiet is a heartbeat interval that is longer than any test.
const quiet = "--heartbeat=10m"

// A subscriber reads one event stream through a proxy.
type subscriber struct{ *testtool.Stream }

// subscribe requests a path from a source address, and returns when the response head has arrived.
func (f front) subscribe(t *testing.T, source, path string, headers ...string) subscriber {
	t.Helper()
	conn, err := testtool.Dialer{From: net.ParseIP(source)}.Dial(t.Context(), f.listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s, err := testtool.Get(conn, path, append(headers, "Host: events.example")...)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	conn.SetDeadline(time.Now().Add(testtool.Patience))
	return subscriber{s}
}

// wantStream checks that an EventSource accepts the response head.
func (s subscriber) wantStream(t *testing.T) subscriber {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s
}

// block reads the next frame or heartbeat.
func (s subscriber) block() (string, error) {
	s.Conn.SetReadDeadline(time.Now().Add(testtool.Patience))
	block, err := s.Block()
	return string(block), err
}

// publisher returns a function that publishes directly to the daemon, without the proxy.
func (f front) publisher(t *testing.T) (publishMessage func(namespace, event, data string)) {
	t.Helper()
	client, err := publish.Dial(t.Context(), f.daemon.Publish[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return func(namespace, event, data string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
		defer cancel()
		if _, err := client.Publish(ctx, sse.Message{Namespace: namespace, Event: event, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
}
