package loop

import (
	"math"
	"time"
)

// tick is the wheel's resolution. A deadline expires within one tick of its time, and an idle
// daemon wakes up ten times a second.
const tick = 100 * time.Millisecond

// wheelSlots is the number of slots. One turn of the wheel takes wheelSlots ticks, about 100 s.
// Longer deadlines are visited once per turn and put back.
const wheelSlots = 1024

// A wheel holds every deadline of the loop in a ring of lists, one for each tick. A client has one
// deadline at most. Setting and clearing it takes constant time and allocates nothing, because the
// links are part of the client.
//
//	slots:  0   1   2   ...   now%1024   ...   1023
//	                 │           └─ expires at this tick
//	                 └─ client ⇄ client ⇄ ...   due%1024 == 2
type wheel struct {
	now   uint32             // ticks since the loop started
	slots [wheelSlots]client // the list heads
}

// ticksMax is about seven years. A longer duration is limited to it, so that it cannot overflow and
// become a short one.
const ticksMax = math.MaxInt32

// ticks converts a duration to ticks, rounding up.
func ticks(d time.Duration) uint32 {
	if d > ticksMax*tick {
		return ticksMax
	}
	return uint32((d + tick - 1) / tick)
}

// set gives c a deadline in after ticks, or in one tick if after is 0. It replaces an earlier
// deadline.
func (w *wheel) set(c *client, after uint32) {
	w.clear(c)
	c.due = w.now + max(after, 1)
	slot := &w.slots[c.due%wheelSlots]
	if slot.next == nil {
		slot.next, slot.prev = slot, slot
	}
	c.prev, c.next = slot.prev, slot
	c.prev.next, c.next.prev = c, c
}

// clear removes c's deadline, if it has one.
func (w *wheel) clear(c *client) {
	if c.next == nil {
		return
	}
	c.prev.next, c.next.prev = c.next, c.prev
	c.next, c.prev = nil, nil
}

// advance moves the wheel by one tick and calls expire for each client that is due. expire may set
// and clear any deadline, and close any connection.
func (w *wheel) advance(expire func(*client)) {
	w.now++
	slot := &w.slots[w.now%wheelSlots]
	if slot.next == nil || slot.next == slot {
		return
	}
	// The list is taken off the ring first. A client that is set for one whole turn later goes into
	// the same slot, and must not be visited in this call.
	var due client
	due.next, due.prev = slot.next, slot.prev
	due.next.prev, due.prev.next = &due, &due
	slot.next, slot.prev = slot, slot
	for due.next != &due {
		c := due.next
		if c.due != w.now {
			after := c.due - w.now
			w.set(c, after)
			continue
		}
		w.clear(c)
		expire(c)
	}
}
