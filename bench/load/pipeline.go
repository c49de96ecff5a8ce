package load

import (
	"fmt"
	"slices"
	"time"
)

// pipeline is one of a crowd's publishers.
type pipeline struct {
	*publisher
	number int
	lines  [][]byte // what is sent to publish to each namespace, which are taken in turn
	tail   int      // bytes behind the payload in each of them
	sent   uint64   // messages published

	// Closed loop.
	window  uint64 // most messages in flight
	oldest  uint64 // every steady subscriber has all messages before this one
	laggard int    // a subscriber that had not heard more when it was looked for last
	moved   int64  // when oldest grew last

	// Open loop, if above 0.
	perSec  float64
	dueFrom int64 // when its first message was due
}

// newLines returns what is sent to publish to each namespace, and how many bytes of it stand behind
// the payload.
func newLines(write writer, namespaces []string, payloadBytes int) (lines [][]byte, tail int) {
	for _, namespace := range namespaces {
		head, rest := write(namespace, payloadBytes)
		lines = append(lines, slices.Concat([]byte(head), newPayload(payloadBytes), []byte(rest)))
		tail = len(rest)
	}
	return lines, tail
}

// add appends the line of the next message, published (or due) at a time.
func (p *pipeline) add(payloadBytes int, at int64) {
	line := p.lines[p.sent%uint64(len(p.lines))]
	payload := line[len(line)-p.tail-payloadBytes:]
	putDigits(payload[seqAt:timeAt], uint64(p.number)<<numberBits|p.sent)
	putDigits(payload[timeAt:fillerAt], uint64(at))
	p.out = append(p.out, line...)
	p.sent++
	p.oks++
}

// due returns when the next message of an open loop is due.
func (p *pipeline) due() int64 {
	return p.dueFrom + int64(float64(p.sent)*float64(time.Second)/p.perSec)
}

// publish makes the lines that may go out now, and says whether there is more than one burst of
// them.
func (c *Crowd) publish(p *pipeline, now int64) (more bool) {
	if len(p.out) > 0 {
		return false
	}
	before := p.sent
	if p.perSec > 0 {
		for p.due() <= now && len(p.out) < burstMax {
			p.add(c.config.PayloadBytes, p.due())
		}
	} else {
		for room := c.room(p, now); room > 0 && len(p.out) < burstMax; room-- {
			p.add(c.config.PayloadBytes, now)
		}
	}
	c.Counts.Published += p.sent - before
	return len(p.out) >= burstMax
}

// Waiting returns how many messages those who sip or never read have yet to read, on average: what
// a server, or the kernel, keeps for each of them, or has thrown away. It is 0 if there are none.
func (c *Crowd) Waiting() float64 {
	sum, lazy := uint64(0), 0
	for i := range c.members {
		if m := &c.members[i]; m.habit >= sipping && m.stage == listening {
			lazy++
			for p, pipe := range c.pubs {
				sum += pipe.sent - min(m.tracks[p].most, pipe.sent)
			}
		}
	}
	return float64(sum) / float64(max(lazy, 1))
}

// room says how many messages p may publish in closed loop. The slowest subscriber is looked for
// only when the window is full, and from where one that had not moved was found last: most looks
// are over at once.
func (c *Crowd) room(p *pipeline, now int64) uint64 {
	if p.sent-p.oldest < p.window {
		return p.window - (p.sent - p.oldest)
	}
	lowest := p.sent
	for range c.config.Steady {
		m := &c.members[p.laggard]
		if !c.routes[m.subscription].none() {
			if m.tracks[p.number].most <= p.oldest {
				return 0
			}
			lowest = min(lowest, m.tracks[p.number].most)
		}
		p.laggard = (p.laggard + 1) % c.config.Steady
	}
	p.oldest, p.moved = lowest, now
	return p.window - (p.sent - p.oldest)
}

// stuck returns an error if a window has been full for too long: then somebody waits for a message
// that does not come.
func (c *Crowd) stuck(now int64) error {
	tooLong := c.config.Patience
	for _, p := range c.pubs {
		if p.perSec == 0 && p.sent-p.oldest == p.window && now-p.moved > int64(tooLong) {
			return fmt.Errorf("subscriber %d has waited %v for message %d of publisher %d", p.laggard, tooLong, p.oldest, p.number)
		}
		if p.sent >= 1<<numberBits-1<<20 {
			return fmt.Errorf("publisher %d has used up its numbers", p.number)
		}
	}
	return nil
}
