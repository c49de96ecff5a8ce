package load

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Connect opens the connections of all steady subscribers. It returns when each has received the
// head of its answer.
func (c *Crowd) Connect(limit time.Duration) error {
	lockThread()
	deadline := c.now() + int64(limit)
	for opened := 0; c.answered < c.config.Steady; {
		for ; opened < c.config.Steady && opened-c.answered < unanswered; opened++ {
			if err := c.open(opened); err != nil {
				return err
			}
		}
		if c.now() > deadline {
			return fmt.Errorf("%d of %d steady subscribers were answered in %v", c.answered, c.config.Steady, limit)
		}
		if err := c.turn(waitMax); err != nil {
			return err
		}
	}
	return nil
}

// Run keeps the crowd running for d. It calls sample at the given interval, in the loop, so sample
// must be short.
func (c *Crowd) Run(d, every time.Duration, sample func() error) error {
	start := c.now()
	for _, p := range c.pubs {
		p.moved = start
		if p.perSec > 0 && p.dueFrom == 0 {
			p.dueFrom = start
		}
	}
	for end, next := start+int64(d), start; ; {
		now := c.now()
		if now >= end {
			return nil
		}
		if now >= next {
			if err := sample(); err != nil {
				return err
			}
			next = now + int64(every)
		}
		if err := c.step(now, end); err != nil {
			return err
		}
	}
}

// step publishes the messages that may be published now. Then it waits for events, at most until
// end, and handles them.
func (c *Crowd) step(now, end int64) error {
	wait := min(time.Duration(end-now), waitMax)
	for _, p := range c.pubs {
		more := c.publish(p, now)
		if err := p.flush(); err != nil {
			return err
		}
		if more && p.writable {
			wait = 0
		}
		if p.perSec > 0 {
			wait = max(0, min(wait, time.Duration(p.due()-now)))
		}
	}
	if err := c.tend(now); err != nil {
		return err
	}
	if c.idles() {
		return c.turn(wait)
	}
	return c.turn(min(wait, tendEvery))
}

// idles reports whether no member acts on a timer.
func (c *Crowd) idles() bool { return len(c.members) == c.config.Steady && !c.leaving }

// turn waits at most d for events and handles them.
func (c *Crowd) turn(d time.Duration) error {
	events, err := c.poller.Wait(d)
	if err != nil {
		return err
	}
	for i := range events {
		if tag := int(events[i].Fd); tag >= 0 {
			err = c.serve(tag)
		} else {
			p := c.pubs[publisherTag-tag]
			p.writable = true
			err = p.read(c.in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tend lets the members act whose timer has expired.
func (c *Crowd) tend(now int64) error {
	if now-c.tended < int64(tendEvery) {
		return nil
	}
	c.tended = now
	first := c.config.Steady
	if c.leaving {
		first = 0
	}
	for i := first; i < len(c.members); i++ {
		if m := &c.members[i]; now >= m.until {
			if err := c.act(i, m); err != nil {
				return err
			}
		}
	}
	return c.stuck(now)
}

// act performs the next action of a member whose timer has expired.
func (c *Crowd) act(i int, m *member) error {
	switch {
	case m.stage == away:
		if c.leaving {
			return nil
		}
		m.until = 0
		return c.open(i)
	case m.stage == parting:
		return fmt.Errorf("subscriber %d: the server has not closed the connection %v after the subscriber shut down its side", i, serverTime)
	case m.hurried:
		c.Counts.Hurried++
		c.hangUp(m)
	case m.stage != listening:
		if c.now()-m.since > int64(serverTime) {
			return fmt.Errorf("subscriber %d: no answer after %v", i, serverTime)
		}
	case c.leaving && m.habit >= sipping:
		c.Counts.Reset++
		c.hangUp(m)
	case m.habit == sipping:
		m.until = c.now() + int64(sipEvery)
		return c.take(i, m, c.in[:sipBytes])
	case m.habit == deaf:
	case m.orderly:
		m.stage, m.until = parting, c.now()+int64(serverTime)
		return unix.Shutdown(int(m.fd), unix.SHUT_WR)
	default:
		c.Counts.Reset++
		c.hangUp(m)
	}
	return nil
}

// Drain stops publishing. It returns when every pending OK has arrived and every steady subscriber
// has received every message.
func (c *Crowd) Drain(limit time.Duration) error {
	deadline := c.now() + int64(limit)
	for {
		behind := c.behind()
		if behind == nil {
			return nil
		}
		if c.now() > deadline {
			return fmt.Errorf("%v after the end: %w", limit, behind)
		}
		if err := c.flush(); err != nil {
			return err
		}
		if err := c.tend(c.now()); err != nil {
			return err
		}
		if err := c.turn(tendEvery); err != nil {
			return err
		}
	}
}

func (c *Crowd) flush() error {
	for _, p := range c.pubs {
		if err := p.flush(); err != nil {
			return err
		}
	}
	return nil
}

// behind returns an error that describes a missing OK or message, or nil if nothing is missing.
func (c *Crowd) behind() error {
	for _, p := range c.pubs {
		if len(p.out) > 0 || p.oks > 0 {
			return fmt.Errorf("publisher %d: %d OKs are missing", p.number, p.oks)
		}
		for i := range c.members[:c.config.Steady] {
			m := &c.members[i]
			if r := c.routes[m.subscription]; !r.isEmpty() && m.tracks[p.number].most < r.due(p.sent) {
				return fmt.Errorf("subscriber %d of %q has not received message %d of publisher %d", i,
					c.config.Subscriptions[m.subscription], m.tracks[p.number].most, p.number)
			}
		}
	}
	return nil
}

// Leave disconnects all members, each according to its habit, and the steady members by shutdown.
// It returns when all are disconnected.
func (c *Crowd) Leave(limit time.Duration) error {
	deadline := c.now() + int64(limit)
	c.leaving = true
	for i := range c.members {
		m := &c.members[i]
		m.orderly = m.orderly || m.habit == steady
		if m.stage != parting {
			m.until = 0
		}
	}
	for {
		gone := 0
		for i := range c.members {
			if c.members[i].stage == away {
				gone++
			}
		}
		if gone == len(c.members) {
			return nil
		}
		if c.now() > deadline {
			return fmt.Errorf("%d of %d subscribers are still connected %v after Leave", len(c.members)-gone, len(c.members), limit)
		}
		if err := c.tend(c.now()); err != nil {
			return err
		}
		if err := c.turn(tendEvery); err != nil {
			return err
		}
	}
}
