package loop

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrStopped is returned once a Server has ended.
var ErrStopped = errors.New("loop: the server has stopped")

// ErrBusy is returned when too many questions wait for the loop's answer.
var ErrBusy = errors.New("loop: too many questions wait for an answer, try again later")

// call runs a function on the loop and returns its result.
func call[T any](ctx context.Context, s *Server, f func(*loop) T) (result T, err error) {
	select {
	case <-s.done:
		return result, ErrStopped // nobody empties the queue any more
	default:
	}
	returned := make(chan T, 1)
	if !s.loop.calls.add(func(l *loop) { returned <- f(l) }) {
		return result, ErrBusy
	}
	s.loop.wakeup.notify()
	select {
	case result = <-returned:
		return result, nil
	case <-ctx.Done():
		return result, ctx.Err()
	case <-s.done:
		return result, ErrStopped
	}
}

// calls are functions that other goroutines want to run on the loop. They read or
// change its state; messages go through the mailbox.
type calls struct {
	mu      sync.Mutex
	waiting []func(*loop)
}

// callsMax limits how many calls may wait.
const callsMax = 1024

func (c *calls) add(f func(*loop)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= callsMax {
		return false
	}
	c.waiting = append(c.waiting, f)
	return true
}

// callsTime limits how long calls may hold up one turn of the loop.
const callsTime = time.Millisecond / 2

// run makes the calls that there is time for. The rest wait for the next turn, for
// which it wakes the loop.
func (c *calls) run(l *loop) {
	c.mu.Lock()
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for begin := time.Now(); len(waiting) > 0 && time.Since(begin) < callsTime; waiting = waiting[1:] {
		waiting[0](l)
	}
	if len(waiting) > 0 {
		c.mu.Lock()
		c.waiting = append(waiting, c.waiting...)
		c.mu.Unlock()
		l.wakeup.notify()
	}
}
