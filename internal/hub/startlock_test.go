package hub_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
)

// TestStartTogether verifies that exactly one of several servers starts if all start on one port at
// the same moment. The others must report that the address is in use.
func TestStartTogether(t *testing.T) {
	for range 25 {
		addr := testtool.FreePort(t)
		const servers = 4
		refused := make(chan error, servers)
		up := make(chan *ssed.Server, servers)
		var starting sync.WaitGroup
		for range servers {
			s, err := ssed.New(ssed.Options{Listen: []string{addr}, Logger: slog.New(slog.DiscardHandler), Drain: -1})
			if err != nil {
				t.Fatal(err)
			}
			starting.Go(func() {
				served := make(chan error, 1)
				go func() { served <- s.Serve() }()
				select {
				case <-s.Ready():
					up <- s
				case err := <-served:
					refused <- err
				case <-time.After(patience):
					t.Error("a server neither started nor returned an error")
				}
			})
		}
		starting.Wait()
		if len(up) != 1 || len(refused) != servers-1 {
			t.Errorf("%d servers started and %d failed, want 1 and 3", len(up), len(refused))
		}
		for range len(refused) {
			if err := <-refused; !strings.Contains(err.Error(), "address already in use") {
				t.Error(err)
			}
		}
		for range len(up) {
			if err := (<-up).Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}
