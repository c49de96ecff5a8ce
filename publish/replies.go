package publish

// A Flusher is a Sink that may collect messages. Session.Feed calls Flush at its end, which must
// pass on all messages that Publish has accepted.
type Flusher interface {
	Sink
	Flush()
}

// A Settler is a Sink that returns ErrPending, and that can wait for the results.
type Settler interface {
	Sink
	// Settle blocks until every message left pending since the last Settle has its result. It
	// passes the results to to.Settle in the order of publishing.
	Settle(to *Replies)
}

// A pendingReply is a reply that a session left open.
type pendingReply struct {
	at    int  // its offset in the bytes that Feed returned
	quiet bool // QUIET was on at the time: an OK is not sent
}

// Replies holds the replies to a publisher in order while some of them are still open. Every reply
// after an open one waits for it, even a PONG or an ERR. The zero value is empty. Replies has no
// lock: it belongs to the goroutine that feeds the session.
//
//	Take ◀── ready │ open │ rest ... │ open │ rest ... ◀── Add
//	                  ▲
//	                Settle
//
// The cost of a reply does not depend on how many are waiting. While Waiting and Session.Pending
// are both zero, a loop may send the bytes that Feed returned without a Replies.
type Replies struct {
	ready []byte           // the bytes before the first open reply: may be sent
	open  queue[openReply] // replies that wait for their answers
	rest  queue[byte]      // the finished replies after the first open one
}

// An openReply is a pendingReply that was added to Replies.
type openReply struct {
	followed int // bytes of rest between this reply and the next open one
	quiet    bool
}

// Pending returns the number of replies that Feed left open since the last Replies.Add.
func (s *Session) Pending() int { return len(s.pendingReplies) }

// Add appends the bytes that Feed returned, with the replies that the session left open. If several
// calls of Feed appended to one out, pass the whole out to a single Add. Add does not keep out.
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

// follow appends bytes after everything else.
func (r *Replies) follow(text []byte) {
	if r.Waiting() == 0 {
		r.ready = append(r.ready, text...)
		return
	}
	r.rest.push(text...)
	r.open.last().followed += len(text)
}

// Settle completes the oldest open reply: with "OK <sequence>", or with an ERR if err is not nil.
// The OK is omitted if QUIET was on when the message was sent. Settle panics if no reply is open,
// because a surplus answer would shift the later answers to the wrong messages.
func (r *Replies) Settle(sequence uint64, err error) {
	if r.Waiting() == 0 {
		panic("publish: Settle was called without an open reply")
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

// Take removes the bytes that may be sent, which are all before the first open reply, and appends
// them to dst.
func (r *Replies) Take(dst []byte) []byte {
	dst = append(dst, r.ready...)
	if r.ready = r.ready[:0]; cap(r.ready) > readyBytesKept {
		r.ready = nil
	}
	return dst
}

// Waiting returns the number of open replies.
func (r *Replies) Waiting() int { return r.open.len() }

// itemsKept and readyBytesKept limit the capacity that an empty buffer keeps. They are enough for
// the short lines of one read, so these cost no allocation. Larger buffers are freed.
const (
	itemsKept      = 512
	readyBytesKept = 8 << 10
)

// A queue is a FIFO queue in one slice.
type queue[T any] struct {
	items []T
	taken int // the number of items that pop has returned
}

func (q *queue[T]) len() int { return len(q.items) - q.taken }

// last returns the newest item. The queue must not be empty.
func (q *queue[T]) last() *T { return &q.items[len(q.items)-1] }

// push appends items. Before the slice would grow, it moves the remaining items to the front if
// there are no more of them than were popped. So it copies at most one item for each popped item.
func (q *queue[T]) push(items ...T) {
	if len(q.items)+len(items) > cap(q.items) && q.taken >= q.len() {
		q.items = q.items[:copy(q.items, q.items[q.taken:])]
		q.taken = 0
	}
	q.items = append(q.items, items...)
}

// pop removes and returns the oldest n items. They are valid until the next push.
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
