package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// A slowEngine takes as long to end as it may.
type slowEngine struct {
	engine
	had time.Duration // how long that was
}

func (e *slowEngine) Shutdown(ctx context.Context) error {
	begin := time.Now()
	<-ctx.Done()
	e.had = time.Since(begin)
	return ctx.Err()
}

// TestEnginesHaveTimeToEnd: one that takes all the time there is leaves some to the
// next, which may be the store.
func TestEnginesHaveTimeToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, loop := &slowEngine{}, &slowEngine{}
		d := &daemon{engines: []engine{store, loop}, endAtMost: 2 * engineEnd, admin: &adminPages{}, log: slog.New(slog.DiscardHandler)}
		d.shutdown()
		if loop.had < engineEnd || store.had < engineEnd/2 {
			t.Errorf("the loop had %v, the store %v", loop.had, store.had)
		}
	})
}
