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

// ask runs a question on the loop and waits for its answer.
func call[T any](ctx context.Context, s *Server, question func(*loop) T) (answer T, err error) {
	select {
	case <-s.done:
		return answer, ErrStopped // nobody empties the queue any more
	default:
	}
	answered := make(chan T, 1)
	if !s.loop.calls.add(func(l *loop) { answered <- question(l) }) {
		return answer, ErrBusy
	}
	s.loop.wakeup.notify()
	select {
	case answer = <-answered:
		return answer, nil
	case <-ctx.Done():
		return answer, ctx.Err()
	case <-s.done:
		return answer, ErrStopped
	}
}

// requests are functions that other goroutines want run on the loop. They are
// for questions; messages go through the mailbox.
type calls struct {
	mu      sync.Mutex
	waiting []func(*loop)
}

// requestsMax bounds how many questions wait for an answer.
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

// answerTime is how long questions may hold up one turn of the loop.
const answerTime = time.Millisecond

// run answers what there is time for. The rest waits for the next turn, for which
// it rings.
func (c *calls) run(l *loop) {
	c.mu.Lock()
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for begin := time.Now(); len(waiting) > 0 && time.Since(begin) < answerTime/2; waiting = waiting[1:] {
		waiting[0](l)
	}
	if len(waiting) > 0 {
		c.mu.Lock()
		c.waiting = append(waiting, c.waiting...)
		c.mu.Unlock()
		l.wakeup.notify()
	}
}
