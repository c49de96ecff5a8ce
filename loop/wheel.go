package loop

import (
	"math"
	"time"
)

// tick is the wheel's resolution. Every deadline is kept to within one tick,
// and a quiet daemon wakes ten times a second.
const tick = 100 * time.Millisecond

// wheelSlots times tick is one turn of the wheel, about 100 s. Longer deadlines
// are looked at once a turn and put back.
const wheelSlots = 1024

// A wheel holds every deadline of the loop: a ring of lists, one for each tick.
// Setting and clearing cost the same however many deadlines there are, and the
// links are part of the client, so neither allocates.
type wheel struct {
	now   uint32 // ticks since start
	slots [wheelSlots]client
}

// ticksMax is some seven years. What takes longer never comes, and must not come
// around as something short.
const ticksMax = math.MaxInt32

// ticks converts a duration, rounding up.
func ticks(d time.Duration) uint32 {
	if d > ticksMax*tick {
		return ticksMax
	}
	return uint32((d + tick - 1) / tick)
}

// set gives c a deadline so many ticks from now, in place of an earlier one.
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

// clear takes c's deadline away, if it has one.
func (w *wheel) clear(c *client) {
	if c.next == nil {
		return
	}
	c.prev.next, c.next.prev = c.next, c.prev
	c.next, c.prev = nil, nil
}

// advance moves on by one tick and calls expire for each client that is due.
// expire may set and clear any deadline, and close any connection.
func (w *wheel) advance(expire func(*client)) {
	w.now++
	slot := &w.slots[w.now%wheelSlots]
	if slot.next == nil || slot.next == slot {
		return
	}
	// The list is taken off the ring first: what expire puts back for a whole
	// turn ahead lands in this same slot and must not be seen now.
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
