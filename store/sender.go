package store

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// Limits of the queue: the messages that publishers are waiting for. A larger queue
// gains a publisher's pipeline nothing.
const (
	queueMax      = 16 << 10
	queueBytesMax = 16 << 20
)

const (
	// sweepInterval is how often the sender looks for messages that have waited too
	// long, and how soon it sends again what the stream did not store.
	sweepInterval = 100 * time.Millisecond
	// acksPendingMax limits how many acks the NATS client holds for us: more than there
	// are messages in flight.
	acksPendingMax = 4 * queueMax
)

// A sender publishes to the stream and acknowledges messages in the order in which they
// were submitted. Until then they are in the queue, each in one state:
//
//	                 ┌────────────── not stored ◀─────────────┐
//	                 ▼                                         │
//	Submit ──▶ unsent ──▶ sent ──▶ stored ──▶ answered OK      │
//	                 │      │ └───────────────────────────────┘
//	                 │      └────▶ refused ──▶ answered ERR
//	                 └─ too late ───▲
//
// A message that was not stored is sent again, unless a later one is stored: then it is
// refused, because only its publisher knows whether the order matters. While a message
// waits to be sent again, no other is sent.
type sender struct {
	timeout  time.Duration // how long a message may wait for the stream's answer
	subject  func(namespace []byte) string
	onStored func(seq uint64) // called with each sequence that the stream assigns
	inbox    string           // prefix of the reply subjects; the message's number follows
	woken    chan struct{}
	headers  headers

	mu           sync.Mutex
	conn         natsConn      // nil: not connected yet
	paused       bool          // the stream is not reached: nothing is sent
	queue        []*pendingMsg // the first is the oldest message without an answer
	first        uint64        // number of queue[0]
	next         uint64        // number of the next message to send
	inFlight     int           // messages in the state sent
	bytes        int
	retryPending bool          // a message was not stored: it is sent again once none is in flight
	probing      bool          // one message is sent again; the rest waits for its result
	room         chan struct{} // closed when the queue has room; nil while nobody waits for it
	closed       bool
	cache        cacheUse // of the embedded server

	duplicates, resent, refusals atomic.Uint64
}

// A natsConn sends messages to the stream: a *nats.Conn. An error means that the message
// was not sent.
type natsConn interface {
	PublishMsg(*nats.Msg) error
	MaxPayload() int64
}

func newSender(timeout time.Duration, subject func([]byte) string, onStored func(uint64)) *sender {
	return &sender{timeout: timeout, subject: subject, onStored: onStored, inbox: nats.InboxPrefix + nuid.Next() + ".", woken: make(chan struct{}, 1)}
}

// submit implements loop.Store.
func (s *sender) submit(m loop.PublishRequest, to loop.Acker) {
	p := &pendingMsg{
		subject: s.subject(m.Namespace),
		key:     string(m.Key),
		header:  s.headers.of(m.Event, m.Key),
		data:    append(make([]byte, 0, len(m.Data)), m.Data...),
		to:      to,
		until:   time.Now().Add(s.timeout),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		p.state, p.err = refused, publish.ErrStopping
	}
	s.queue = append(s.queue, p)
	s.bytes += p.bytes()
	s.flushAcks()
	s.wake()
}

func (s *sender) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// full implements loop.Store.
func (s *sender) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isFull()
}

func (s *sender) isFull() bool { return len(s.queue) >= queueMax || s.bytes >= queueBytesMax }

// wait returns a channel that is closed once the queue has room, or nil if it has room.
func (s *sender) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isFull() {
		return nil
	}
	if s.room == nil {
		s.room = make(chan struct{})
	}
	return s.room
}

// run sends until stop is closed. Sweeps have their own goroutine, since a connection
// whose server hangs blocks its writers.
func (s *sender) run(stop <-chan struct{}) {
	go func() {
		ticker := time.NewTicker(sweepInterval)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case now := <-ticker.C:
				s.sweep(now)
			}
		}
	}()
	for {
		select {
		case <-stop:
			return
		case <-s.woken:
			s.send()
		}
	}
}

// attach makes the sender use a connection and subscribes to the acks.
func (s *sender) attach(conn *nats.Conn) error {
	acks, err := conn.Subscribe(s.inbox+"*", s.onAck)
	if err != nil {
		return err
	}
	if err := acks.SetPendingLimits(acksPendingMax, -1); err != nil {
		return err
	}
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.wake()
	return nil
}

// setPaused stops or resumes sending. The sender is paused until the stream is reached:
// a message on a subject without a stream is not stored, and if others subscribe to the
// subject, no error comes back.
func (s *sender) setPaused(paused bool) {
	s.mu.Lock()
	s.paused = paused
	s.mu.Unlock()
	s.wake()
}

// detach makes the sender wait for another connection.
func (s *sender) detach() {
	s.mu.Lock()
	s.conn = nil
	s.mu.Unlock()
	s.reconnected()
}

// send sends all unsent messages, as far as the states of the others allow.
func (s *sender) send() {
	for {
		s.mu.Lock()
		conn, number := s.conn, s.next
		if conn == nil || s.paused || s.retryPending || s.probing && s.inFlight > 0 || s.next == s.first+uint64(len(s.queue)) {
			s.mu.Unlock()
			return
		}
		p := s.queue[s.next-s.first]
		s.next++
		if p.state != unsent {
			s.mu.Unlock()
			continue
		}
		p.state = sent
		s.inFlight++
		s.mu.Unlock()
		s.dispatch(conn, number, p)
	}
}

// dispatch gives a message to the connection. A message that the connection does not
// take was not stored.
func (s *sender) dispatch(conn natsConn, number uint64, p *pendingMsg) {
	err := conn.PublishMsg(&nats.Msg{
		Subject: p.subject,
		Reply:   s.inbox + strconv.FormatUint(number, 36),
		Header:  p.header,
		Data:    p.data,
	})
	switch {
	case err == nil:
	case errors.Is(err, nats.ErrMaxPayload):
		s.resolve(number, refused, 0, fmt.Errorf("%w: the NATS server takes messages of at most %d bytes (its max_payload)", sse.ErrTooLong, conn.MaxPayload()))
	default:
		s.resolve(number, notStored, 0, err)
	}
}

// resolve records the result of a message that was sent, and flushes the acks that are
// due. It ignores a message that was given up before.
func (s *sender) resolve(number uint64, result state, seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number < s.first || number >= s.first+uint64(len(s.queue)) {
		return
	}
	p := s.queue[number-s.first]
	if p.state != sent {
		return
	}
	s.setState(p, result, err)
	p.seq = seq
	if s.probing && result != notStored {
		s.probing = false
		s.wake()
	}
	s.flushAcks()
}

// setState moves a message to another state.
func (s *sender) setState(p *pendingMsg, now state, err error) {
	if p.state == sent {
		s.inFlight--
	}
	p.state, p.err = now, err
	s.retryPending = s.retryPending || now == notStored
}

// flushAcks acknowledges the oldest messages whose result is known, while the cache of
// the embedded server has room. Otherwise they stay in the queue, which fills up and
// makes the publishers wait.
func (s *sender) flushAcks() {
	for len(s.queue) > 0 && s.queue[0].state >= stored && (s.closed || !s.cache.full()) {
		p := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.first++
		s.next = max(s.next, s.first)
		s.bytes -= p.bytes()
		if p.state == refused {
			s.refusals.Add(1)
		} else {
			s.cache.add(p.recordBytes())
		}
		p.to.Ack(p.seq, p.err)
	}
	if s.room != nil && !s.isFull() {
		close(s.room)
		s.room = nil
	}
}

// sweep runs once per interval: it gives up messages that have waited for too long, and
// sends again what was not stored once nothing is in flight.
func (s *sender) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.tick()
	for _, p := range s.queue {
		if now.Before(p.until) {
			break // the rest was submitted later
		}
		s.giveUp(p)
	}
	s.flushAcks()
	if s.retryPending {
		s.resume()
	}
	s.wake() // the probe may have been given up
}

// giveUp refuses a message that has waited for too long.
func (s *sender) giveUp(p *pendingMsg) {
	switch p.state {
	case sent:
		s.setState(p, refused, p.unknown())
	case unsent:
		s.setState(p, refused, fmt.Errorf("%w: the store is not reached, nothing was stored; try again later", publish.ErrBusy))
	case notStored:
		s.setState(p, refused, fmt.Errorf("%w: the store does not take it now (%w), nothing was stored; try again later", publish.ErrBusy, p.err))
	}
}

// resume sends again what was not stored, once nothing is in flight. The first message
// is a probe: the rest waits until its result is known.
func (s *sender) resume() {
	if s.inFlight > 0 {
		return
	}
	lastStored := -1
	for i, p := range s.queue {
		if p.state == stored {
			lastStored = i
		}
	}
	for i, p := range s.queue {
		switch {
		case p.state == notStored && i < lastStored:
			s.setState(p, refused, fmt.Errorf("%w: the store did not take it, and has taken a later one since; nothing was stored", publish.ErrBusy))
		case p.state == notStored:
			s.setState(p, unsent, nil)
			s.resent.Add(1)
		}
	}
	s.flushAcks()
	s.next, s.retryPending, s.probing = s.first, false, true
	s.wake()
}

// reconnected refuses the messages that were in flight when the connection was lost,
// because their acks are lost, too. They are not sent again, not even those with a key:
// of two messages the second may be stored and the first not, which would then come
// after it.
func (s *sender) reconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.queue {
		if p.state == sent {
			s.setState(p, refused, p.unknown())
		}
	}
	s.flushAcks()
	s.wake()
}

// close refuses everything in the queue, and everything submitted later.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, p := range s.queue {
		switch p.state {
		case unsent, notStored:
			s.setState(p, refused, publish.ErrStopping)
		case sent:
			s.setState(p, refused, p.unknown())
		}
	}
	s.flushAcks()
}

// waiting returns how many messages are in the queue.
func (s *sender) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}
