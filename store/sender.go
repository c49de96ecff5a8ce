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

// Limits of the queue, at which publishers wait. submit does not check them, so one read of a
// publisher can exceed them.
const (
	queueMax      = 16 << 10 // messages
	queueBytesMax = 16 << 20
)

const (
	// sweepInterval is how often the sender looks for messages that have timed out, and at
	// most how often it retries.
	sweepInterval = 100 * time.Millisecond
	// acksPendingMax limits how many acks the NATS client buffers for the sender. It is
	// larger than the number of messages in flight, so that the client drops no ack.
	acksPendingMax = 4 * queueMax
)

// A sender publishes the messages of this daemon's publishers to the stream, and
// acknowledges them in the order of submission.
//
// # Queue
//
// A message stays in the queue from submit until its Acker gets the result. Each message
// has a number: 1 more than the message before it. queue[i] has the number first+i. These numbers
// have nothing to do with the sequences of the stream.
//
//	           first                      next                   first+len(queue)
//	           ▼                          ▼                      ▼
//	answered │ sent  stored  sent  sent │ unsent  unsent  unsent │
//	         └─ given to the connection ┴───── not sent yet ─────┘
//
// The picture shows normal operation. From next on, messages can have a final state too: unsent
// messages can time out, and retry moves next back to first. takeNext passes over them.
//
// Acks from the stream may arrive out of order. A message with a final state waits in the queue
// until all older messages have one. Then flushAcks removes it and calls its Acker, but not while
// the cache of the embedded server is full (see cacheUse).
//
// # States of a message
//
//	 submit
//	   │
//	   ▼
//	unsent ─── send ───▶ sent ─┬──▶ stored  ─── flushAcks ─▶ Ack(seq, nil)
//	   ▲                       ├──▶ unknown ─── flushAcks ─▶ Ack(0, err)
//	   │                       ├──▶ refused ─── flushAcks ─▶ Ack(0, err)
//	   └─ retry ─ notStored ◀──┘
//
//	sent → stored        the stream assigned a sequence
//	sent → unknown       its ack is late, lost or invalid: the stream may have stored it
//	sent → refused       the stream rejected the message, or it is too long for the
//	                     NATS server
//	sent → notStored     the stream does not exist, has no leader or cannot store now, or
//	                     the connection returned an error
//	notStored → unsent   retry
//	notStored → refused  it timed out, or a later message is stored or unknown
//	unsent → refused     it timed out
//
// stored, unknown and refused are final. close gives all other messages a final state: sent
// becomes unknown, the rest refused. The methods that record results are in sendresult.go.
//
// The publisher of an unknown message gets ERR busy: it is not known whether the message is
// stored. The publisher of a refused message gets ERR busy or ERR too-long: it is not stored.
//
// # Order and retries
//
// Messages are given to one connection in queue order, and the stream stores them in the
// order of arrival. But the stream may miss a message and store a later one, for example when
// a new leader is elected in between. If the missed message were sent again, the order in the
// stream would be wrong. So the sender follows three rules:
//
//  1. Once it is known that a message was not stored (retryPending), the sender sends nothing
//     until retry has run.
//  2. retry does nothing while a message is in flight. Then it refuses each message that was not
//     stored if a later one in the queue is stored or unknown. Only the publisher knows whether
//     the order matters.
//  3. retry makes the rest unsent again. The first of them is a probe (probing): until the
//     stream stores or rejects a message, only one is in flight at a time. A timeout or a lost
//     connection does not end the probing.
//
// Only a message that was certainly not stored is sent again. An unknown one may be stored. The
// sender cannot prevent that NATS stores it late, after newer messages: a server that was cut off
// keeps messages for some seconds and then delivers them to the stream's leader.
//
// # Goroutines and locks
//
//	goroutine                          methods
//	the loop                           submit, full
//	the publishers' own loop, and
//	callers of Server.Publish          submit, wait
//	run                                send, which may block in the connection
//	the second goroutine of run        sweep
//	the NATS client                    onAck, reconnected
//	Store.Serve                        attach, detach (calls reconnected), setPaused, close
//	any                                waiting
//
// Only run calls send, so two messages cannot overtake each other on the way to the
// connection. mu is never held while a method of the connection runs, because that may block
// and submit must not. mu is held during Acker.Ack, which keeps the acks in order. So an Acker
// must not block and must not call the sender.
type sender struct {
	timeout  time.Duration // how long a message may wait for its result
	subject  func(namespace []byte) string
	onStored func(seq uint64) // called with each sequence that the stream assigns
	inbox    string           // prefix of the reply subjects; the message's number follows
	wakeup   chan struct{}    // holds one value while run has something to look at
	headers  headers          // has its own lock

	duplicates, resent, refusals atomic.Uint64 // refusals: unknown messages too

	mu           sync.Mutex    // guards all fields below, and the states of the messages
	conn         natsConn      // nil: none yet, or detached
	paused       bool          // nothing is sent: see setPaused
	queue        []*pendingMsg // the first is the oldest message without a reply
	first        uint64        // number of queue[0]
	next         uint64        // number of the next message that takeNext checks; no older one is unsent
	inFlight     int           // how many messages are in the state sent
	bytes        int           // memory of the messages in the queue
	retryPending bool          // a message was not stored: see retry
	probing      bool          // one message at a time: see retry
	room         chan struct{} // closed when the queue has room; nil while nothing waits for it
	closed       bool
	cache        cacheUse // of the embedded server: see boundCache
}

// A natsConn sends messages to the stream. It is a *nats.Conn, except in tests. An error
// means that the message was not sent.
type natsConn interface {
	PublishMsg(*nats.Msg) error
	MaxPayload() int64
}

func newSender(timeout time.Duration, subject func([]byte) string, onStored func(uint64)) *sender {
	return &sender{timeout: timeout, subject: subject, onStored: onStored, inbox: nats.InboxPrefix + nuid.Next() + ".", wakeup: make(chan struct{}, 1)}
}

// submit implements loop.Store. It copies the message and appends it to the queue. It does
// not check the limits: callers use full or wait first.
func (s *sender) submit(m loop.PublishRequest, to loop.Acker) {
	p := &pendingMsg{
		subject: s.subject(m.Namespace),
		key:     string(m.Key),
		header:  s.headers.get(m.Event, m.Key),
		data:    append(make([]byte, 0, len(m.Data)), m.Data...),
		to:      to,
		until:   time.Now().Add(s.timeout),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		p.state, p.err = refused, publish.ErrStopping // flushAcks answers it now
	}
	s.queue = append(s.queue, p)
	s.bytes += p.bytes()
	s.flushAcks()
	s.wake()
}

// wake makes run call send. Call it after each change that may allow a message to be sent.
func (s *sender) wake() {
	select {
	case s.wakeup <- struct{}{}:
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

// run sends messages until stop is closed. A second goroutine sweeps, because send blocks
// while the server does not read from the connection, and timeouts must work then as well.
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
		case <-s.wakeup:
			s.send()
		}
	}
}

// attach makes the sender use a connection, and subscribes to the acks.
//
// Each message has its own reply subject, inbox plus its number. The stream publishes the ack
// to that subject. One wildcard subscription receives all acks, and the NATS client restores
// it after a reconnect.
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

// setPaused stops or resumes sending. The sender is paused until the stream is known to exist: a
// message without a stream is not stored. The NATS server says so ("no responders") only if nothing
// subscribes to the message's subject. If an ordinary subscriber does, no answer arrives.
func (s *sender) setPaused(paused bool) {
	s.mu.Lock()
	s.paused = paused
	s.mu.Unlock()
	s.wake()
}

// detach makes the sender wait for another connection. The acks of messages in flight are
// lost with this one: see reconnected.
func (s *sender) detach() {
	s.mu.Lock()
	s.conn = nil
	s.mu.Unlock()
	s.reconnected()
}

// send gives unsent messages to the connection until takeNext returns none.
func (s *sender) send() {
	for {
		conn, number, p := s.takeNext()
		if p == nil {
			return
		}
		s.dispatch(conn, number, p)
	}
}

// takeNext moves the next unsent message to the state sent and returns it, or nil if nothing
// may be sent now.
func (s *sender) takeNext() (conn natsConn, number uint64, p *pendingMsg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || s.paused || s.retryPending || s.probing && s.inFlight > 0 {
		return nil, 0, nil
	}
	for end := s.first + uint64(len(s.queue)); s.next < end; {
		number, p = s.next, s.queue[s.next-s.first]
		s.next++
		if p.state == unsent { // otherwise it has timed out, or retry moved next back over it
			p.state = sent
			s.inFlight++
			return s.conn, number, p
		}
	}
	return nil, 0, nil
}

// dispatch gives a message to the connection. The caller does not hold mu; the fields that
// dispatch reads do not change after submit. If the connection returns an error, the message
// was not stored.
//
// PublishMsg appends to the client's buffer, and writes to the socket when the buffer is full. It
// returns an error while the connection is down, because connect sets ReconnectBufSize(-1).
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
		s.resolve(number, refused, 0, fmt.Errorf("%w: the NATS server accepts messages of at most %d bytes (its max_payload)", sse.ErrTooLong, conn.MaxPayload()))
	default:
		s.resolve(number, notStored, 0, err)
	}
}

// close gives each message in the queue a final state, and refuses all that are submitted
// later. It answers each message of the queue before it returns.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, p := range s.queue {
		switch p.state {
		case unsent, notStored:
			s.setState(p, refused, publish.ErrStopping)
		case sent:
			s.setState(p, unknown, p.noAck())
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
