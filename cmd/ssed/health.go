package main

import (
	"context"
	"sync/atomic"
	"time"
)

// healthInterval is how old the answer of /healthz may be where a store decides it.
const healthInterval = 250 * time.Millisecond

// A health keeps why the daemon is unfit for clients, so that the event loop can answer
// /healthz without waiting: to ask the store for its state may take a lock that a slow
// network holds.
type health struct {
	look  func() (unfit string) // may take a while
	found atomic.Pointer[string]
}

// newHealth makes a health that has looked once.
func newHealth(look func() string) *health {
	h := &health{look: look}
	h.renew()
	return h
}

func (h *health) renew() {
	unfit := h.look()
	h.found.Store(&unfit)
}

// unfit returns what was found last. It is for ssed.Options.Unfit.
func (h *health) unfit() string { return *h.found.Load() }

// watch looks again and again until ctx ends.
func (h *health) watch(ctx context.Context) {
	again := time.NewTicker(healthInterval)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			h.renew()
		}
	}
}
