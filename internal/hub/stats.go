package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ssed/ssed/loop"
)

// Stats returns the daemon's figures: the sum of all loops.
func (h *Hub) Stats(ctx context.Context) (loop.Stats, error) {
	each, err := h.LoopStats(ctx)
	if err != nil {
		return loop.Stats{}, err
	}
	return loop.SumStats(each), nil
}

// LoopStats returns the figures of each loop. During a shutdown, some loops end before others.
// Their figures are the last ones, so that the sums do not shrink.
func (h *Hub) LoopStats(ctx context.Context) ([]loop.Stats, error) {
	return eachLoop(h, func(l *loop.Loop) (loop.Stats, error) { return l.Stats(ctx) }, (*loop.Loop).LastStats)
}

// Subscribers returns the subscribers of all loops.
func (h *Hub) Subscribers(ctx context.Context) (conns []loop.SubscriberInfo, err error) {
	each, err := eachLoop(h, func(l *loop.Loop) ([]loop.SubscriberInfo, error) { return l.Subscribers(ctx) },
		func(*loop.Loop) []loop.SubscriberInfo { return nil })
	if err != nil {
		return nil, err
	}
	for _, part := range each {
		conns = append(conns, part...)
	}
	return conns, nil
}

// Disconnect closes one subscriber's connection. It reports whether the connection was found. If
// one loop has found it, the other loops need not answer.
func (h *Hub) Disconnect(ctx context.Context, id loop.ConnID) (found bool, err error) {
	each, err := eachLoop(h, func(l *loop.Loop) (bool, error) { return l.Disconnect(ctx, id) },
		func(*loop.Loop) bool { return false })
	if slices.Contains(each, true) {
		return true, nil
	}
	return false, err
}

// eachLoop calls ask for every loop at the same time. If ask fails, the error names the loop, and
// the answers of the other loops are valid. For a loop that has stopped while others run, the
// answer is the result of stopped.
func eachLoop[T any](h *Hub, ask func(*loop.Loop) (T, error), stopped func(*loop.Loop) T) ([]T, error) {
	answers, errs := make([]T, len(h.loops)), make([]error, len(h.loops))
	var asked sync.WaitGroup
	for number, l := range h.loops[1:] {
		asked.Go(func() { answers[number+1], errs[number+1] = ask(l) })
	}
	answers[0], errs[0] = ask(h.loops[0])
	asked.Wait()
	running := 0
	var failed error
	for number, err := range errs {
		switch {
		case err == nil:
			running++
		case errors.Is(err, loop.ErrStopped):
			answers[number] = stopped(h.loops[number])
		case len(h.loops) == 1:
			return nil, err
		default:
			running++
			failed = cmp.Or(failed, fmt.Errorf("event loop %d: %w", number, err))
		}
	}
	if running == 0 {
		return nil, loop.ErrStopped
	}
	return answers, failed
}
