package hub_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
)

// TestShutdownAtTheStart verifies that Shutdown works at any moment of the server's start.
func TestShutdownAtTheStart(t *testing.T) {
	for i := range 40 {
		s, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve() }()
		time.Sleep(time.Duration(i) * 100 * time.Microsecond) // a different moment in each round
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := s.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		select {
		case err := <-served:
			// If Shutdown runs before Serve, Serve must refuse.
			if err != nil && !strings.Contains(err.Error(), "after Shutdown") {
				t.Errorf("Serve after Shutdown at %d00 µs: %v", i, err)
			}
		case <-time.After(patience):
			t.Fatalf("Serve does not return after Shutdown at %d00 µs", i)
		}
	}
}

// TestServeOnlyOnce verifies that a server cannot serve a second time, nor after Shutdown.
func TestServeOnlyOnce(t *testing.T) {
	s := serve(t, ssed.Options{})
	if err := s.Serve(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a second Serve: %v, want an error", err)
	}
	other, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.Serve(); err == nil || !strings.Contains(err.Error(), "after Shutdown") {
		t.Errorf("Serve after Shutdown: %v, want an error", err)
	}
}
