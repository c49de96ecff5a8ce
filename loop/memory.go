package loop

import "runtime/debug"

// connBurst detects the end of a burst of connections.
type connBurst struct {
	opened int // connections since memory was last released
	before int // the value of opened one second ago
}

// connBurstMin is the number of connections that justify a garbage collection.
const connBurstMin = 1000

// release runs once a second. A burst of connections leaves about as much garbage as live memory on
// the heap. An idle daemon allocates nothing, so the garbage would never be collected. When no
// connection was opened for one second after a burst, release returns the memory to the system.
// This takes one garbage collection, on another goroutine.
func (b *connBurst) release() {
	if b.opened >= connBurstMin && b.opened == b.before {
		b.opened = 0
		go debug.FreeOSMemory()
	}
	b.before = b.opened
}
