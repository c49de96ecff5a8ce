package loop_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
)

// TestAuthorizeAcceptsDuringShutdown verifies that a client whose request is accepted during
// shutdown gets a reconnection time instead of a stream.
func TestAuthorizeAcceptsDuringShutdown(t *testing.T) {
	word := make(chan error)
	first := true
	s := serve(t, ssed.Options{Drain: time.Minute, Authorize: func(context.Context, *ssed.Request) error {
		if first {
			first = false
			return nil
		}
		return <-word
	}})
	stays, _ := subscribe(t, s, "/subscribe/n") // so that Shutdown has a subscriber to drain
	waits := dial(t, s.ListenAddrs()[0])
	io.WriteString(waits, plainGet)
	until(t, s, "Authorize is running", func(s ssed.Stats) bool { return s.Authorizing == 1 })
	ended := make(chan error)
	go func() { ended <- s.Shutdown(context.Background()) }()
	until(t, s, "the server is stopping", func(s ssed.Stats) bool { return s.Stopping })
	word <- nil
	if got, err := io.ReadAll(waits); err != nil || !strings.Contains(string(got), "\r\n\r\nretry:") {
		t.Errorf("got %q, %v; want a reconnection time", got, err)
	}
	stays.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestShutdownDuringAuthorize verifies that a client that waits for Authorize gets a reconnection
// time when the server shuts down, even without subscribers to drain.
func TestShutdownDuringAuthorize(t *testing.T) {
	w := newWaits()
	s := serve(t, ssed.Options{Authorize: w.authorize, AuthorizeTimeout: time.Hour})
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, plainGet)
	receive(t, w.began, "Authorize is called")
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	receive(t, w.ended, "its context ends")
	if got, err := io.ReadAll(c); err != nil || !strings.Contains(string(got), "\r\n\r\nretry:") {
		t.Errorf("got %q, %v; want a reconnection time", got, err)
	}
}
