package hub_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
)

// TestShutdownAtTheStart: a server that is told to end at any moment of its start ends.
func TestShutdownAtTheStart(t *testing.T) {
	for i := range 40 {
		s, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}, Drain: -1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve() }()
		time.Sleep(time.Duration(i) * 100 * time.Microsecond) // another moment each time
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := s.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		select {
		case err := <-served:
			if err != nil && !strings.Contains(err.Error(), "after Shutdown") { // it may have come before Serve
				t.Errorf("after %d00 µs: %v", i, err)
			}
		case <-time.After(patience):
			t.Fatalf("after %d00 µs Serve hangs", i)
		}
	}
}

// TestServesOnce: a server that has served, or was told to end, does not serve again.
func TestServesOnce(t *testing.T) {
	s := serve(t, ssed.Options{})
	if err := s.Serve(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a second Serve: %v", err)
	}
	other, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.Serve(); err == nil || !strings.Contains(err.Error(), "after Shutdown") {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}
