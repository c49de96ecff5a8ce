package publish

import (
	"errors"
	"slices"
	"strconv"
	"time"
)

// This file contains the part of RetryClient that sends one message and handles its reply. The
// caller of a function holds the lock, unless the function's comment states otherwise.
//
// A letter moves between two queues until it has its final reply:
//
//	           send                 final reply
//	PublishAsync ──▶ inFlight ─────────────────────▶ then
//	                  ▲    │ connection lost, busy
//	        flow, send│    ▼ postpone
//	                  again

// clockEvery is how many messages are sent for each reading of the clock. Reading it for every
// message would be a considerable part of the cost of a short message.
const clockEvery = 32

// send sends a letter after the others. The Client always has room, because the number of
// unanswered letters is limited.
func (r *RetryClient) send(l letter) {
	own := l.request.keyed
	switch {
	case !r.keyed && !own:
		l.withKey = false
	case !l.doubt:
		if r.inFlight.count == 0 || l.number%clockEvery == 0 {
			r.now = time.Since(r.began)
		}
		l.sent = r.now
	}
	c := r.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil { // the connection has ended: no reply would be read
		r.postpone(l)
		return
	}
	r.inFlight.push(l)
	switch {
	case own:
		c.append(l.request.text, r.onKey, r.onMessage)
	case r.keyed:
		var command [64]byte
		c.append(r.key(command[:0], l.number), r.onKey)
		c.append(l.request.text, r.onMessage)
	default:
		c.append(l.request.text, r.onMessage)
	}
}

// key appends the KEY command for the message with this number.
func (r *RetryClient) key(dst []byte, number uint64) []byte {
	dst = append(append(dst, "KEY "...), r.name...)
	return append(strconv.AppendUint(dst, number, 36), '\n')
}

// postpone keeps a letter for the next connection, in the order of the numbers. Nothing more is
// sent on the current connection.
func (r *RetryClient) postpone(l letter) {
	r.phase = draining
	at := len(r.again)
	for at > 0 && r.again[at-1].number > l.number {
		at--
	}
	r.again = slices.Insert(r.again, at, l)
}

// keyAnswered is called, without the lock, with the reply to a KEY.
func (r *RetryClient) keyAnswered(_ uint64, err error) { r.keyErr = err }

// answered is called, without the lock, with the reply to a message, or with the error that ended
// the connection before a reply. Replies arrive in the order of inFlight.
func (r *RetryClient) answered(sequence uint64, err error) {
	keyRefused := isRefusal(r.keyErr)
	if keyRefused && isRefusal(err) {
		err = r.keyErr // contains the reason; the reply to the message only refers to it
	}
	r.keyErr = nil
	var resent *Resent
	final := false

	r.mu.Lock()
	l := r.inFlight.pop()
	switch {
	case err != nil && !isRefusal(err): // the connection ended
		l.doubt = true
		r.postpone(l)
	case isBusy(err):
		// A server that accepts keys has a store. The store may contain the message although its
		// confirmation got lost.
		l.doubt = l.doubt || l.withKey
		r.busy = err
		r.postpone(l)
	case keyRefused && !l.request.keyed && r.phase == trying:
		// The server has no store, so it refused the message for its key. The message is sent
		// again without a key, still alone, because the server may be busy.
		r.keyed = false
		r.send(l)
	default:
		final = true
		r.bytes -= len(l.request.text)
		if r.phase != draining {
			r.failures, r.busy = 0, nil
		}
		if r.phase == trying {
			r.keyed = r.keyed && !keyRefused
			resent = r.flow(l)
		}
	}
	if r.phase == draining && r.inFlight.count == 0 {
		r.client.Close()
	}
	r.room.Signal()
	r.mu.Unlock()

	if resent != nil && r.opts.Resent != nil {
		r.opts.Resent(*resent)
	}
	if final {
		l.then(sequence, err)
		r.settled()
	}
}

// letters is a queue of at most unansweredMax letters.
type letters struct {
	ring         []letter
	first, count int
}

func (q *letters) push(l letter) {
	if q.ring == nil {
		q.ring = make([]letter, unansweredMax)
	}
	if q.count == len(q.ring) {
		panic("publish: too many messages in flight")
	}
	q.ring[(q.first+q.count)%len(q.ring)] = l
	q.count++
}

// pop removes and returns the oldest letter. The queue must not be empty.
func (q *letters) pop() letter {
	item := &q.ring[q.first]
	l := *item
	*item = letter{} // so that the ring does not keep the text in memory
	q.first = (q.first + 1) % len(q.ring)
	q.count--
	return l
}

// flow changes the phase from trying to flowing, after the server has accepted first or refused it
// permanently. It sends the letters in again; new messages may follow them. It returns the argument
// for RetryOptions.Resent, or nil if no connection was lost.
func (r *RetryClient) flow(first letter) (resent *Resent) {
	again := r.again
	r.again = nil
	if r.lost {
		resent = &Resent{Messages: 1 + len(again)}
		for _, l := range append(again, first) {
			if r.mayDouble(l) {
				resent.Doubtful++
			}
		}
		r.lost = false
	}
	r.phase = flowing
	for _, l := range again {
		r.send(l)
	}
	r.room.Broadcast()
	return resent
}

// mayDouble reports whether a letter that is sent again may be published twice.
func (r *RetryClient) mayDouble(l letter) bool {
	protected := l.withKey && (r.keyed || l.request.keyed) && time.Since(r.began)-l.sent < keyTime
	return l.doubt && !protected
}

// settled is called, without the lock, when the then of a message has returned.
func (r *RetryClient) settled() {
	if r.open.Add(-1) == 0 {
		r.mu.Lock()
		r.idle.Broadcast()
		r.mu.Unlock()
	}
}

// isRefusal reports whether a server refused a command.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*ReplyError](err)
	return ok
}

// isBusy reports whether a server refused a command with the code busy.
func isBusy(err error) bool {
	refusal, ok := errors.AsType[*ReplyError](err)
	return ok && refusal.Code == CodeBusy
}
