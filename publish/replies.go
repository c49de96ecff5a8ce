package publish

// A Settler is a Sink that returns ErrPending and can be waited for.
type Settler interface {
	Sink
	// Settle blocks until all that was left pending since the last Settle has its
	// answer, and settles it in to, in the order of publishing.
	Settle(to *Replies)
}

// A pendingReply is a reply that a session left open.
type pendingReply struct {
	at    int  // its offset in what Feed returned
	quiet bool // an OK is not sent: QUIET was on at the time
}

// Replies are a publisher's replies in order, some of which are still to come.
// What is behind an open one waits for it, be it a PONG or an ERR. The zero value
// has none. It has no lock: it belongs to whoever feeds the session.
//
//	Take ◀── ready │ open │ rest ... │ open │ rest ... ◀── Add
//	                  ▲
//	                Settle
//
// What a reply costs does not depend on how many are waiting. While none is, and none
// is pending, a loop may send what Feed returned as it is: see Session.Pending.
type Replies struct {
	ready []byte           // may be sent
	open  queue[openReply] // replies that are still to come
	rest  queue[byte]      // what follows the first of them, without the open ones
}

// An openReply is a pendingReply that was added to Replies.
type openReply struct {
	followed int // bytes of rest between it and the next one
	quiet    bool
}

// Pending returns how many replies are open in what Feed has returned since the last
// Replies.Add.
func (s *Session) Pending() int { return len(s.pendingReplies) }

// Add takes what Feed has returned, with the replies that the session left open. If
// Feed was called several times to append to one out, it is added once, whole. out
// is the caller's again.
func (r *Replies) Add(s *Session, out []byte) {
	from := 0
	for _, h := range s.pendingReplies {
		r.follow(out[from:h.at])
		r.open.push(openReply{quiet: h.quiet})
		from = h.at
	}
	r.follow(out[from:])
	if s.pendingReplies = s.pendingReplies[:0]; cap(s.pendingReplies) > itemsKept {
		s.pendingReplies = nil
	}
}

// follow puts bytes behind everything.
func (r *Replies) follow(text []byte) {
	if r.Waiting() == 0 {
		r.ready = append(r.ready, text...)
		return
	}
	r.rest.push(text...)
	r.open.last().followed += len(text)
}

// Settle answers the oldest reply that is still to come: with "OK <sequence>", which
// is left out if it was quiet at the time, or with the ERR that err makes. There
// must be one: more answers than messages would go to the wrong ones.
func (r *Replies) Settle(sequence uint64, err error) {
	if r.Waiting() == 0 {
		panic("publish: an answer for which no reply waits")
	}
	s := r.open.pop(1)[0]
	switch {
	case err != nil:
		r.ready = AppendError(r.ready, err)
	case !s.quiet:
		r.ready = appendSequence(r.ready, sequence)
	}
	r.ready = append(r.ready, r.rest.pop(s.followed)...)
}

// Take appends to dst what may be sent: everything before the first reply that is
// still to come.
func (r *Replies) Take(dst []byte) []byte {
	dst = append(dst, r.ready...)
	if r.ready = r.ready[:0]; cap(r.ready) > readyBytesKept {
		r.ready = nil
	}
	return dst
}

// Waiting is how many replies are still to come.
func (r *Replies) Waiting() int { return r.open.len() }

// What is kept of an empty queue, and of replies that were taken: enough for the
// short lines of one read, so that those cost no allocation. What held a flood is
// given back.
const (
	itemsKept      = 512
	readyBytesKept = 8 << 10
)

// A queue gives out what was put in, in order.
type queue[T any] struct {
	items []T
	taken int // how many of them pop has returned
}

func (q *queue[T]) len() int { return len(q.items) - q.taken }

// last is the newest. There must be one.
func (q *queue[T]) last() *T { return &q.items[len(q.items)-1] }

// push puts items in. What was given out makes room where that costs no more than
// it saves: at most one copy for each item that went.
func (q *queue[T]) push(items ...T) {
	if len(q.items)+len(items) > cap(q.items) && q.taken >= q.len() {
		q.items = q.items[:copy(q.items, q.items[q.taken:])]
		q.taken = 0
	}
	q.items = append(q.items, items...)
}

// pop gives out the oldest n, which are good until the next push.
func (q *queue[T]) pop(n int) []T {
	items := q.items[q.taken:][:n]
	q.taken += n
	if q.taken == len(q.items) {
		q.items, q.taken = q.items[:0], 0
		if cap(q.items) > itemsKept {
			q.items = nil
		}
	}
	return items
}
