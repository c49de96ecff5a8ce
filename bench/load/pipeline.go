package load

import (
	"fmt"
	"slices"
	"time"
)

// pipeline is one publisher of a crowd.
type pipeline struct {
	*publisher
	number int
	lines  [][]byte // the bytes to send per namespace; the namespaces take turns
	tail   int      // bytes after the payload in each line
	sent   uint64   // messages published

	// Closed loop.
	window  uint64 // maximum of messages in flight
	oldest  uint64 // every steady subscriber has all messages before this one
	laggard int    // the slowest subscriber that room found in its last search
	moved   int64  // when oldest last increased

	// Open loop, if above 0.
	perSec  float64
	dueFrom int64 // when its first message was due
}

// newLines returns the bytes to send for a message to each namespace, and the number of bytes after
// the payload in each.
func newLines(write writer, namespaces []string, payloadBytes int) (lines [][]byte, tail int) {
	for _, namespace := range namespaces {
		head, rest := write(namespace, payloadBytes)
		lines = append(lines, slices.Concat([]byte(head), newPayload(payloadBytes), []byte(rest)))
		tail = len(rest)
	}
	return lines, tail
}

// add appends the line of the next message, which is published (open loop: due) at the given time.
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

// publish queues the lines that may be sent now. It reports whether there are more of them than one
// burst.
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

// Waiting returns how many messages the slow and stalled members have not read yet, on average. The
// server or the kernel keeps these messages, or has dropped them. Without such members it returns
// 0.
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

// room returns how many messages p may publish in closed loop. It searches for the slowest
// subscriber only if the window is full. The search starts at the laggard of the last search, so
// most searches stop immediately.
func (c *Crowd) room(p *pipeline, now int64) uint64 {
	if p.sent-p.oldest < p.window {
		return p.window - (p.sent - p.oldest)
	}
	lowest := p.sent
	for range c.config.Steady {
		m := &c.members[p.laggard]
		if !c.routes[m.subscription].isEmpty() {
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

// stuck returns an error if a window has been full for too long, because then a subscriber waits
// for a message that does not arrive.
func (c *Crowd) stuck(now int64) error {
	tooLong := c.config.Patience
	for _, p := range c.pubs {
		if p.perSec == 0 && p.sent-p.oldest == p.window && now-p.moved > int64(tooLong) {
			return fmt.Errorf("subscriber %d has waited %v for message %d of publisher %d", p.laggard, tooLong, p.oldest, p.number)
		}
		if p.sent >= 1<<numberBits-1<<20 {
			return fmt.Errorf("publisher %d has no sequence numbers left", p.number)
		}
	}
	return nil
}
