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

// What is on its way to the stream and not answered yet is bounded. It is what a
// publisher's pipeline can gain by, and no more than that.
const (
	onTheirWayMax      = 16 << 10
	onTheirWayBytesMax = 16 << 20
)

const (
	// lookInterval is how often the sender looks for what waits too long, and how
	// soon it tries again what the stream did not take.
	lookInterval = 100 * time.Millisecond
	// acksWaiting is how many answers may wait for us in memory: more than there are
	// messages on their way.
	acksWaiting = 4 * onTheirWayMax
)

// A sender publishes to the stream and answers in the order in which it was asked.
// The messages on their way stand in a line:
//
//	                 ┌────────────── not stored ◀─────────────┐
//	                 ▼                                         │
//	Submit ──▶ unsent ──▶ sent ──▶ stored ──▶ answered OK      │
//	                 │      │ └───────────────────────────────┘
//	                 │      └────▶ refused ──▶ answered ERR
//	                 └─ too late ───▲
//
// A message that was not stored is sent again, but never behind one that came later
// and is stored: then its publisher is told, who alone knows whether the order
// matters. While one is to be sent again, no other is sent.
type sender struct {
	timeout time.Duration // how long a message may wait for the stream's answer
	subject func(namespace []byte) string
	stored  func(seq uint64) // told of every number
	inbox   string           // where the stream's answers go; the number of the message follows
	wake    chan struct{}
	headers headers

	mu      sync.Mutex
	conn    post      // nil: there is none yet
	apart   bool      // the stream is not reached: nothing is sent
	line    []*letter // the first is the oldest that is not answered
	first   uint64    // the number of that one
	sent    uint64    // those below this number were sent
	unheard int       // how many are in the state sent
	bytes   int
	holding bool          // something is to be sent again, once nothing is unheard
	probing bool          // one is sent again; the rest waits until it is stored
	room    chan struct{} // closed when there is some; nil while nobody waits for it
	closed  bool
	cache   cacheUse // of the embedded server

	duplicates, resent, refused atomic.Uint64
}

// A post is what takes messages to the stream: a *nats.Conn. Its error means that a
// message was not sent.
type post interface {
	PublishMsg(*nats.Msg) error
	MaxPayload() int64
}

func newSender(timeout time.Duration, subject func([]byte) string, storedAt func(uint64)) *sender {
	return &sender{timeout: timeout, subject: subject, stored: storedAt, inbox: nats.InboxPrefix + nuid.Next() + ".", wake: make(chan struct{}, 1)}
}

// submit implements loop.Store.
func (s *sender) submit(m loop.PublishRequest, to loop.Acker) {
	l := &letter{
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
		l.state, l.err = refused, errClosed
	}
	s.line = append(s.line, l)
	s.bytes += l.bytes()
	s.answer()
	s.poke()
}

func (s *sender) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// full implements loop.Store.
func (s *sender) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isFull()
}

func (s *sender) isFull() bool { return len(s.line) >= onTheirWayMax || s.bytes >= onTheirWayBytesMax }

// wait returns a channel that is closed once there is room, or nil if there is.
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

// run sends until stop is closed. The clock has a goroutine of its own: a connection
// whose server hangs holds up who writes to it.
func (s *sender) run(stop <-chan struct{}) {
	go func() {
		look := time.NewTicker(lookInterval)
		defer look.Stop()
		for {
			select {
			case <-stop:
				return
			case now := <-look.C:
				s.look(now)
			}
		}
	}()
	for {
		select {
		case <-stop:
			return
		case <-s.wake:
			s.send()
		}
	}
}

// attach has the sender use a connection, from which it must get the answers.
func (s *sender) attach(conn *nats.Conn) error {
	answers, err := conn.Subscribe(s.inbox+"*", s.heard)
	if err != nil {
		return err
	}
	if err := answers.SetPendingLimits(acksWaiting, -1); err != nil {
		return err
	}
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.poke()
	return nil
}

// hold has the sender wait until the stream is there. What is published to a subject
// without one is not stored, and if others listen to it, nobody says so.
func (s *sender) hold(apart bool) {
	s.mu.Lock()
	s.apart = apart
	s.mu.Unlock()
	s.poke()
}

// detach has the sender wait for another connection.
func (s *sender) detach() {
	s.mu.Lock()
	s.conn = nil
	s.mu.Unlock()
	s.reconnected()
}

// send sends what is to be sent.
func (s *sender) send() {
	for {
		s.mu.Lock()
		conn, number := s.conn, s.sent
		if conn == nil || s.apart || s.holding || s.probing && s.unheard > 0 || s.sent == s.first+uint64(len(s.line)) {
			s.mu.Unlock()
			return
		}
		l := s.line[s.sent-s.first]
		s.sent++
		if l.state != unsent {
			s.mu.Unlock()
			continue
		}
		l.state = sent
		s.unheard++
		s.mu.Unlock()
		s.dispatch(conn, number, l)
	}
}

// dispatch gives a letter to the connection. What the connection does not take was
// not stored.
func (s *sender) dispatch(conn post, number uint64, l *letter) {
	err := conn.PublishMsg(&nats.Msg{
		Subject: l.subject,
		Reply:   s.inbox + strconv.FormatUint(number, 36),
		Header:  l.header,
		Data:    l.data,
	})
	switch {
	case err == nil:
	case errors.Is(err, nats.ErrMaxPayload):
		s.settle(number, refused, 0, fmt.Errorf("%w: the NATS server takes messages of at most %d bytes (its max_payload)", sse.ErrTooLong, conn.MaxPayload()))
	default:
		s.settle(number, notStored, 0, err)
	}
}

// settle notes what became of a letter that was sent, and answers what can be
// answered.
func (s *sender) settle(number uint64, became state, seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number < s.first || number >= s.first+uint64(len(s.line)) {
		return // it was given up before
	}
	l := s.line[number-s.first]
	if l.state != sent {
		return
	}
	s.become(l, became, err)
	l.seq = seq
	if s.probing && became != notStored {
		s.probing = false
		s.poke()
	}
	s.answer()
}

// become changes what is known of a letter.
func (s *sender) become(l *letter, now state, err error) {
	if l.state == sent {
		s.unheard--
	}
	l.state, l.err = now, err
	s.holding = s.holding || now == notStored
}

// answer answers the oldest letters, as far as their fate is known and the cache of
// the embedded server has room. While it has none, letters stay in the line, which
// fills up and holds up the publishers.
func (s *sender) answer() {
	for len(s.line) > 0 && s.line[0].state >= stored && (s.closed || !s.cache.full()) {
		l := s.line[0]
		s.line[0] = nil
		s.line = s.line[1:]
		s.first++
		s.sent = max(s.sent, s.first)
		s.bytes -= l.bytes()
		if l.state == refused {
			s.refused.Add(1)
		} else {
			s.cache.add(l.recordBytes())
		}
		l.to.Ack(l.seq, l.err)
	}
	if s.room != nil && !s.isFull() {
		close(s.room)
		s.room = nil
	}
}

// look comes once an interval: it gives up what has waited for too long, and goes on
// with what was not stored once nothing else is under way.
func (s *sender) look(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.tick()
	for _, l := range s.line {
		if now.Before(l.until) {
			break // those behind it came later
		}
		s.giveUp(l)
	}
	s.answer()
	if s.holding {
		s.resume()
	}
	s.poke() // the probe may be one of those that were given up
}

// giveUp refuses a letter that has waited for too long.
func (s *sender) giveUp(l *letter) {
	switch l.state {
	case sent:
		s.become(l, refused, l.unknown())
	case unsent:
		s.become(l, refused, fmt.Errorf("%w: the store is not reached, nothing was stored; try again later", publish.ErrBusy))
	case notStored:
		s.become(l, refused, fmt.Errorf("%w: the store does not take it now (%w), nothing was stored; try again later", publish.ErrBusy, l.err))
	}
}

// resume sends again what was not stored, when it is known of all others that were
// sent what became of them. The first of them is a probe: as long as it is not
// stored, the rest waits.
func (s *sender) resume() {
	if s.unheard > 0 {
		return
	}
	lastStored := -1
	for i, l := range s.line {
		if l.state == stored {
			lastStored = i
		}
	}
	for i, l := range s.line {
		switch {
		case l.state == notStored && i < lastStored:
			s.become(l, refused, fmt.Errorf("%w: the store did not take it, and has taken a later one since; nothing was stored", publish.ErrBusy))
		case l.state == notStored:
			s.become(l, unsent, nil)
			s.resent.Add(1)
		}
	}
	s.answer()
	s.sent, s.holding, s.probing = s.first, false, true
	s.poke()
}

// reconnected deals with what was under way when the connection was lost: the answers
// to it are lost, too. It is not sent again, not even with a key: of two messages the
// second may be stored already and the first not, and would then come behind it.
func (s *sender) reconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.line {
		if l.state == sent {
			s.become(l, refused, l.unknown())
		}
	}
	s.answer()
	s.poke()
}

// close refuses everything from here on.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, l := range s.line {
		switch l.state {
		case unsent, notStored:
			s.become(l, refused, errClosed)
		case sent:
			s.become(l, refused, l.unknown())
		}
	}
	s.answer()
}

// waiting is how many letters are on their way.
func (s *sender) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.line)
}
