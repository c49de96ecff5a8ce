package load

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result holds the measurements of one run. Counts and times are of the measure phase only.
type Result struct {
	Messages   uint64 // published
	Deliveries uint64 // received, over all subscribers
	Bytes      uint64 // received, including all framing
	Elapsed    time.Duration
	// StreamBytes is the number of bytes that a subscriber of the first topic should have received
	// over the whole run, in frames as ssed sends them.
	StreamBytes uint64
	// Overdue is the number of messages of an open loop that were due in the measured time but
	// could only be sent after it.
	Overdue int
	Scanned int // subscribers with a stream that contained more than the expected frames
	// Latency is in nanoseconds. It counts from the time when a message was published in a closed
	// loop, and from the time when it was due in an open loop.
	Latency *hdrhistogram.Histogram
}

// Hooks are called at the start and the end of the measure phase, in the loop, so they must be
// short.
type Hooks struct {
	Start func() error
	End   func() error
	// Progress is called about once a second.
	Progress func(phase string, deliveries uint64)
}

// mark holds the counts at one moment.
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
			wait = 0 // more than one burst is ready to publish
		} else if g.config.RatePerSec > 0 && g.due > now {
			wait = min(wait, time.Duration(g.due-now))
		}
		if err := g.turn(wait); err != nil {
			return err
		}
	}
}

// publish queues the lines that may be sent now. It reports whether it stopped early because the
// burst was full. It adds lines only when the kernel has accepted all earlier ones. This bounds the
// bytes in flight and makes the time in a message exact.
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

// publishDue publishes the messages of an open loop that are due, in turn over the topics. Each
// message contains the time when it was due.
func (g *Generator) publishDue(now int64) bool {
	for g.due <= now {
		t := &g.topics[g.turns[g.nextTurn]]
		if t.readers > 0 {
			if t.room() == 0 {
				return false // overloaded: the message stays due, and its latency grows
			}
			g.pub.out = t.publish(g.pub.out, g.due)
			g.published++
			// Compute the time from the count, because adding up a rounded interval would drift.
			g.due = g.dueFrom + int64(float64(g.published)*float64(time.Second)/g.config.RatePerSec)
		}
		g.nextTurn = (g.nextTurn + 1) % len(g.turns)
		if len(g.pub.out) >= burstMax {
			return true
		}
	}
	return false
}

// publishRoom publishes the messages of a closed loop: it fills up every topic that has room
// because its slowest subscriber has advanced.
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

// drain waits until all subscribers have received all messages and all pending OKs have arrived. An
// open loop first sends the messages that were due before the end, however late. Without them, the
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
				return fmt.Errorf("overloaded: %v after the end, the messages due in the last %v are not sent yet", g.config.Drain, late)
			}
			if behind == nil {
				return fmt.Errorf("publisher: %d messages are still not answered %v after the end", g.pub.oks, g.config.Drain)
			}
			return fmt.Errorf("%v after the end, a subscriber of %s has only %d of %d messages",
				g.config.Drain, behind.name, behind.oldest, behind.sent)
		}
		if err := g.turn(waitMax); err != nil {
			return err
		}
	}
}

// behind returns a topic with a subscriber that has not received all messages, or nil.
func (g *Generator) behind() *topic {
	for i := range g.topics {
		if t := &g.topics[i]; t.readers > 0 && t.oldest < t.sent {
			return t
		}
	}
	return nil
}
