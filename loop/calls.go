package loop

import (
	"context"
	"errors"
	"time"
)

// ErrStopped is returned by calls to a server that has stopped.
var ErrStopped = errors.New("loop: the server has stopped")

// ErrBusy is returned when too many calls wait for the loop.
var ErrBusy = errors.New("loop: too many calls wait for the event loop, try again later")

// call runs f on the loop's goroutine and returns its result. Any other goroutine may call it; the
// loop itself must not, since it would wait for itself. If call returns an error, f may still run
// later.
func call[T any](ctx context.Context, l *Loop, f func(*Loop) T) (result T, err error) {
	select {
	case <-l.done:
		return result, ErrStopped // the queue is no longer emptied
	default:
	}
	returned := make(chan T, 1)
	if !l.calls.PutBelow(callsMax, func(l *Loop) { returned <- f(l) }) {
		return result, ErrBusy
	}
	select {
	case result = <-returned:
		return result, nil
	case <-ctx.Done():
		return result, ctx.Err()
	case <-l.done:
		return result, ErrStopped
	}
}

// callsMax limits how many calls may wait.
const callsMax = 1024

// callsTime limits how long calls may occupy one turn of the loop.
const callsTime = time.Millisecond / 2

// runCalls runs waiting calls for at most callsTime. The rest waits for the next turn. Calls read
// or change the state of the loop; messages go through the mailbox instead.
func (l *Loop) runCalls() {
	calls := l.calls.Take(nil)
	for begin := time.Now(); len(calls) > 0 && time.Since(begin) < callsTime; calls = calls[1:] {
		calls[0](l)
	}
	l.calls.PutBack(calls)
}
