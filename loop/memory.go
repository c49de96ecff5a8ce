package loop

import "runtime/debug"

// connBurst detects the end of a burst of connections.
type connBurst struct {
	opened int // connections since memory was last released
	before int // the value of opened a second ago
}

// connBurstMin is how many connections make a burst that is worth a collection.
const connBurstMin = 1000

// release runs once a second. A burst of connections leaves as much garbage on
// the heap as live memory, and an idle daemon allocates nothing, so it would never be
// collected. Once a burst has been over for a whole second, release returns the
// memory to the system. This takes one collection, on another goroutine.
func (b *connBurst) release() {
	if b.opened >= connBurstMin && b.opened == b.before {
		b.opened = 0
		go debug.FreeOSMemory()
	}
	b.before = b.opened
}
