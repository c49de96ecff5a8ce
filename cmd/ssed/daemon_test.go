package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// A slowEngine uses all the time that its Shutdown gets.
type slowEngine struct {
	engine
	had time.Duration // how long Shutdown took
}

func (e *slowEngine) Shutdown(ctx context.Context) error {
	begin := time.Now()
	<-ctx.Done()
	e.had = time.Since(begin)
	return ctx.Err()
}

// TestShutdownLeavesTimeForEachEngine checks that an engine that uses all the available time leaves
// some for the next engine, which may be the store.
func TestShutdownLeavesTimeForEachEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, loop := &slowEngine{}, &slowEngine{}
		d := &daemon{engines: []engine{store, loop}, endAtMost: 2 * engineEnd, admin: &adminPages{}, log: slog.New(slog.DiscardHandler)}
		d.shutdown()
		if loop.had < engineEnd || store.had < engineEnd/2 {
			t.Errorf("the loop had %v, the store %v", loop.had, store.had)
		}
	})
}
