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

// TestStartTogether: of several servers that start on one port at one moment,
// exactly one comes up, and the others say why they do not.
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
					t.Error("it neither came up nor gave up")
				}
			})
		}
		starting.Wait()
		if len(up) != 1 || len(refused) != servers-1 {
			t.Errorf("%d came up, %d were refused", len(up), len(refused))
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
