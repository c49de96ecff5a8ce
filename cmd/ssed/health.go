package main

import (
	"context"
	"sync/atomic"
	"time"
)

// healthInterval is the maximum age of the answer of /healthz if the daemon has a store.
const healthInterval = 250 * time.Millisecond

// A health caches the reason why the daemon is unfit for clients, so that the event loop can answer
// /healthz without waiting. Reading the state of the store may wait for a lock that is held during
// a slow network operation.
type health struct {
	look  func() (unfit string) // may block
	found atomic.Pointer[string]
}

// newHealth returns a health with a first result of look.
func newHealth(look func() string) *health {
	h := &health{look: look}
	h.renew()
	return h
}

func (h *health) renew() {
	unfit := h.look()
	h.found.Store(&unfit)
}

// unfit returns the last result. It is used as ssed.Options.Unfit.
func (h *health) unfit() string { return *h.found.Load() }

// watch calls look every healthInterval until ctx is done.
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
