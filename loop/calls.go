package loop

import (
	"context"
	"errors"
	"time"
)

// ErrStopped is returned once the server has ended.
var ErrStopped = errors.New("loop: the server has stopped")

// ErrBusy is returned when too many questions wait for the loop's answer.
var ErrBusy = errors.New("loop: too many calls wait for the event loop, try again later")

// call runs a function on the loop and returns its result.
func call[T any](ctx context.Context, l *Loop, f func(*Loop) T) (result T, err error) {
	select {
	case <-l.done:
		return result, ErrStopped // nothing empties the queue any more
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

// callsTime limits how long calls may hold up one turn of the loop.
const callsTime = time.Millisecond / 2

// runCalls makes the calls that there is time for. The rest wait for the next turn. Calls
// read or change the loop's state; messages go through the mailbox.
func (l *Loop) runCalls() {
	calls := l.calls.Take(nil)
	for begin := time.Now(); len(calls) > 0 && time.Since(begin) < callsTime; calls = calls[1:] {
		calls[0](l)
	}
	l.calls.PutBack(calls)
}
