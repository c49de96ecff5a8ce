package loop

import "runtime/debug"

// settling notices the end of a burst of connections.
type connBurst struct {
	opened int // since memory was last given back
	before int // the same, a second ago
}

// settleAfter is how many connections make a burst worth cleaning up after.
const connBurstMin = 1000

// settle comes once a second. A burst of connections leaves the heap with as
// much garbage as there is use, and on an idle daemon nothing would ever collect
// it, since nothing allocates. So once a burst is over, for a whole second, the
// memory is given back to the system. This takes one collection, beside the loop.
func (l *loop) releaseMemory() {
	s := &l.connBurst
	if s.opened >= connBurstMin && s.opened == s.before {
		s.opened = 0
		go debug.FreeOSMemory()
	}
	s.before = s.opened
}
