package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ssed/ssed/publish"
)

// The results of messages: from the stream's acks, from timeouts, and from lost connections.
// The overview is at sender.

// onAck handles the stream's ack of one message. The NATS client calls it on one goroutine.
//
// An ack without data is the server's status 503, no responders: no stream has the subject,
// or its cluster has no leader at the moment. In both cases the message was not stored.
func (s *sender) onAck(m *nats.Msg) {
	number, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, s.inbox), 36, 64)
	if err != nil {
		return // another program published to our reply subjects
	}
	if len(m.Data) == 0 {
		s.resolve(number, notStored, 0, nats.ErrNoResponders)
		return
	}
	if seq, plain := plainAck(m.Data); plain {
		s.onStored(seq)
		s.resolve(number, stored, seq, nil)
		return
	}
	var a ack
	if err := json.Unmarshal(m.Data, &a); err != nil {
		s.resolve(number, unknown, 0, fmt.Errorf("%w: invalid ack from the store, it is not known whether the message is stored: %v", publish.ErrBusy, err))
		return
	}
	switch {
	case a.Error == nil && a.Seq > 0:
		s.onStored(a.Seq)
		s.resolve(number, stored, a.Seq, nil)
		if a.Duplicate {
			s.duplicates.Add(1)
		}
	case a.Error != nil && a.Error.Code == 503: // the stream cannot store it now
		s.resolve(number, notStored, 0, errors.New(a.Error.Description))
	default:
		s.resolve(number, refused, 0, a.refusal())
	}
}

// resolve records the result of a message that was sent, and flushes the acks that are
// due. It ignores results of messages in other states, such as the late ack of a message that
// timed out.
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

// setState moves a message to another state. All transitions go through it, except from unsent
// to sent (takeNext). The caller holds mu.
func (s *sender) setState(p *pendingMsg, now state, err error) {
	if p.state == sent {
		s.inFlight--
	}
	p.state, p.err = now, err
	s.retryPending = s.retryPending || now == notStored
}

// flushAcks removes the messages with a final state from the front of the queue and answers them.
// It stops at the first message without a result, and while the cache of the embedded server is
// full. Then the queue fills up, and publishers wait. The caller holds mu.
func (s *sender) flushAcks() {
	for len(s.queue) > 0 && s.queue[0].state.isFinal() && (s.closed || !s.cache.full()) {
		p := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.first++
		s.next = max(s.next, s.first)
		s.bytes -= p.bytes()
		if p.state == stored {
			s.cache.add(p.recordBytes())
		} else {
			s.refusals.Add(1)
		}
		p.to.Ack(p.seq, p.err)
	}
	if s.room != nil && !s.isFull() {
		close(s.room)
		s.room = nil
	}
}

// sweep runs once per sweepInterval. It gives up messages that have timed out, and starts a
// retry if one is due.
func (s *sender) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.tick()
	for _, p := range s.queue {
		if now.Before(p.until) {
			break // the rest was submitted later, with the same timeout
		}
		s.giveUp(p)
	}
	s.flushAcks()
	if s.retryPending {
		s.retry()
	}
	s.wake() // the probe may have been given up
}

// giveUp gives a message that has timed out a final state. The error reports whether the message
// may be stored. A message with a result keeps it.
func (s *sender) giveUp(p *pendingMsg) {
	switch p.state {
	case sent:
		s.setState(p, unknown, p.noAck())
	case unsent:
		s.setState(p, refused, fmt.Errorf("%w: the store is unavailable, nothing was stored; try again later", publish.ErrBusy))
	case notStored:
		s.setState(p, refused, fmt.Errorf("%w: the store does not accept messages now (%w), nothing was stored; try again later", publish.ErrBusy, p.err))
	}
}

// retry makes the messages that were not stored unsent again, except those before a message that
// the stream has stored, or may have stored. It does nothing while a message is in flight,
// because that one might be stored before them. The first message is a probe: see the rules at
// sender. The caller holds mu.
//
// It runs at most once per sweepInterval, which is the pause between two probes.
func (s *sender) retry() {
	if s.inFlight > 0 {
		return
	}
	last := -1 // the last message that the stream has stored, or may have stored
	for i, p := range s.queue {
		if p.state == stored || p.state == unknown {
			last = i
		}
	}
	for i, p := range s.queue {
		switch {
		case p.state == notStored && i < last:
			s.setState(p, refused, fmt.Errorf("%w: the store did not accept the message, but may have stored a later one; nothing was stored, send it again", publish.ErrBusy))
		case p.state == notStored:
			s.setState(p, unsent, nil)
			s.resent.Add(1)
		}
	}
	s.flushAcks()
	s.next, s.retryPending, s.probing = s.first, false, true
	s.wake()
}

// reconnected sets the result of the messages that were in flight when the connection was lost
// to unknown, because their acks are lost as well. It does not send them again, not even messages
// with a key. Of two messages, the stream may have stored only the second. Sent again, the first
// would be stored after it.
func (s *sender) reconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.queue {
		if p.state == sent {
			s.setState(p, unknown, p.noAck())
		}
	}
	s.flushAcks()
	s.wake()
}
