package load

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what one run measured. Counts and times are of the measure phase alone.
type Result struct {
	Messages   uint64 // published
	Deliveries uint64 // received, over all subscribers
	Bytes      uint64 // received, frames and what is around them
	Elapsed    time.Duration
	// StreamBytes is what a subscriber of the first topic was due over the whole run, in frames as
	// ssed sends them.
	StreamBytes uint64
	// Overdue is how many messages of an open loop were due in that time and could only be sent
	// after it.
	Overdue int
	Scanned int // subscribers whose stream had more in it than the expected frames
	// Latency is in nanoseconds: closed loop from when a message was published, open loop from when
	// it was due.
	Latency *hdrhistogram.Histogram
}

// Hooks are called at the borders of the measure phase, in the loop: what they do must be short.
type Hooks struct {
	Start func() error
	End   func() error
	// Progress is called about once a second.
	Progress func(phase string, deliveries uint64)
}

type mark struct {
	at                           int64
	published, deliveries, bytes uint64
}

func (g *Generator) mark() mark {
	return mark{g.now(), g.published, g.deliveries, g.bytes}
}

// Run publishes, receives, measures and checks. It returns an error unless every reading subscriber
// received every message of its topic, once and in order. The subscribers must be connected.
func (g *Generator) Run(hooks Hooks) (*Result, error) {
	if g.pub == nil {
		return nil, errNoPublisher
	}
	g.lock()
	for i := range g.topics {
		if g.topics[i].readers > 0 {
			g.queue(&g.topics[i])
		}
	}
	if len(g.waiting) == 0 {
		return nil, errNoReader
	}
	g.dueFrom = g.now()
	g.due = g.dueFrom
	never := int64(1)<<62 - 1
	g.measureFrom, g.measureTo = never, never
	if err := g.phase("warm", g.config.Warm, hooks); err != nil {
		return nil, err
	}
	if err := call(hooks.Start); err != nil {
		return nil, err
	}
	start := g.mark()
	g.measureFrom = start.at
	if err := g.phase("measure", g.config.Measure, hooks); err != nil {
		return nil, err
	}
	end := g.mark()
	g.measureTo = end.at
	if err := call(hooks.End); err != nil {
		return nil, err
	}
	if err := g.drain(); err != nil {
		return nil, err
	}
	overdue := 0
	if g.config.RatePerSec > 0 {
		overdue = int(g.published - end.published)
	}
	return &Result{
		Messages:   end.published - start.published,
		Deliveries: end.deliveries - start.deliveries,
		Bytes:      end.bytes - start.bytes,
		Elapsed:    time.Duration(end.at - start.at),
		Overdue:    overdue,

		StreamBytes: g.topics[0].sent * uint64(len(g.topics[0].frame)),
		Scanned:     g.scanned,
		Latency:     g.histogram,
	}, nil
}

func call(hook func() error) error {
	if hook == nil {
		return nil
	}
	return hook()
}

// phase publishes and receives for d.
func (g *Generator) phase(name string, d time.Duration, hooks Hooks) error {
	end := g.now() + int64(d)
	progress := g.now()
	for {
		now := g.now()
		if now >= end {
			return nil
		}
		if hooks.Progress != nil && now >= progress {
			progress = now + int64(time.Second)
			hooks.Progress(name, g.deliveries)
		}
		more := g.publish(now)
		if err := g.pub.flush(); err != nil {
			return err
		}
		wait := min(time.Duration(end-now), waitMax)
		if more && g.pub.writable {
			wait = 0 // there is more to publish than one burst
		} else if g.config.RatePerSec > 0 && g.due > now {
			wait = min(wait, time.Duration(g.due-now))
		}
		if err := g.turn(wait); err != nil {
			return err
		}
	}
}

// publish makes the lines that may go out now and says whether it stopped early, because the burst
// was full. Lines are only made when all earlier ones are with the kernel, so that what is in
// flight is bounded and a message's time is true.
func (g *Generator) publish(now int64) bool {
	if len(g.pub.out) > 0 {
		return false
	}
	before := g.published
	more := false
	if g.config.RatePerSec > 0 {
		more = g.publishDue(now)
	} else {
		more = g.publishRoom(now)
	}
	if !g.pub.quiet {
		g.pub.oks += g.published - before
	}
	return more
}

// publishDue is the open loop: every message whose time has come, in turn over the topics, each
// with the time it was due.
func (g *Generator) publishDue(now int64) bool {
	for g.due <= now {
		t := &g.topics[g.turns[g.nextTurn]]
		if t.readers > 0 {
			if t.room() == 0 {
				return false // overloaded: it stays due, and its latency grows
			}
			g.pub.out = t.publish(g.pub.out, g.due)
			g.published++
			// From the count, not by adding up: a rounded interval would drift.
			g.due = g.dueFrom + int64(float64(g.published)*float64(time.Second)/g.config.RatePerSec)
		}
		g.nextTurn = (g.nextTurn + 1) % len(g.turns)
		if len(g.pub.out) >= burstMax {
			return true
		}
	}
	return false
}

// publishRoom is the closed loop: every topic whose slowest subscriber has moved on is filled up
// again.
func (g *Generator) publishRoom(now int64) bool {
	for len(g.waiting) > 0 {
		last := len(g.waiting) - 1
		t := g.waiting[last]
		for room := t.room(); room > 0; room-- {
			if len(g.pub.out) >= burstMax {
				return true
			}
			g.pub.out = t.publish(g.pub.out, now)
			g.published++
		}
		t.queued = false
		g.waiting = g.waiting[:last]
	}
	return false
}

// drain waits until everything that was published has arrived everywhere, and every OK that is owed
// has come. An open loop first sends what was due before the end, however late: left out, the
// slowest messages would be missing from the latencies.
func (g *Generator) drain() error {
	deadline := g.now() + int64(g.config.Drain)
	for {
		overdue := g.config.RatePerSec > 0 && g.due < g.measureTo
		if overdue {
			g.publish(g.measureTo - 1)
		}
		if err := g.pub.flush(); err != nil {
			return err
		}
		behind := g.behind()
		if behind == nil && g.pub.oks == 0 && len(g.pub.out) == 0 && !overdue {
			return nil
		}
		if g.now() > deadline {
			if overdue {
				late := time.Duration(g.measureTo - g.due).Round(time.Millisecond)
				return fmt.Errorf("overloaded: %v after the end, what was due in the last %v is not sent yet", g.config.Drain, late)
			}
			if behind == nil {
				return fmt.Errorf("publisher: %d messages were not answered %v after the end", g.pub.oks, g.config.Drain)
			}
			return fmt.Errorf("%v after the end a subscriber of %s has %d of %d messages",
				g.config.Drain, behind.name, behind.oldest, behind.sent)
		}
		if err := g.turn(waitMax); err != nil {
			return err
		}
	}
}

// behind returns a topic whose slowest subscriber has not got everything, or nil.
func (g *Generator) behind() *topic {
	for i := range g.topics {
		if t := &g.topics[i]; t.readers > 0 && t.oldest < t.sent {
			return t
		}
	}
	return nil
}
