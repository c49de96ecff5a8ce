package loop

import "sync/atomic"

// This file applies BacklogTotalBytesMax to all loops together. Each loop has an equal share of it.
// When the sum exceeds the limit, only loops above their share disconnect or skip subscribers, each
// one its slowest first. So a loop with a small backlog loses none because of another loop:
//
//	loop needs memory, and the sum is too large ─┬─ it is above its share ─► evict
//	                                             └─ it is not ─► continue; the loops above
//	                                                             their share evict in their next turn
//
// With one loop the share is the limit.

// backlogBytes is a loop's backlog, for the other loops to read. It fills a cache line, so that
// updates do not slow down the readers of another one.
type backlogBytes struct {
	bytes    atomic.Int64
	evicting atomic.Bool // the loop was asked to evict, and has yet to do that
	_        [48]byte
}

// backlogBytes returns how many bytes this loop holds for subscribers that lag.
func (l *Loop) backlogBytes() int { return l.pool.Retained() + l.prefixes.bytes }

// publishBacklog shows the other loops how many bytes this one holds.
func (l *Loop) publishBacklog() {
	if len(l.shared.backlogs) > 1 {
		l.shared.backlogs[l.number].bytes.Store(int64(l.backlogBytes()))
	}
}

// othersBacklog returns how many bytes the other loops hold.
func (l *Loop) othersBacklog() (bytes int) {
	for i := range l.shared.backlogs {
		if i != l.number {
			bytes += int(l.shared.backlogs[i].bytes.Load())
		}
	}
	return bytes
}

// backlogShare returns the share of BacklogTotalBytesMax of each loop.
func (l *Loop) backlogShare() int { return l.opts.BacklogTotalBytesMax / len(l.shared.backlogs) }

// overMemory reports whether this loop must evict before it may hold more bytes.
func (l *Loop) overMemory(more int) bool {
	own := l.backlogBytes() + more
	return own > l.backlogShare() && own+l.othersBacklog() > l.opts.BacklogTotalBytesMax
}

// mustEvict is overMemory for a loop that is about to hold more bytes. If the sum is too large
// because of other loops, it makes those evict.
func (l *Loop) mustEvict(more int) bool {
	own := l.backlogBytes() + more
	if len(l.shared.backlogs) == 1 {
		return own > l.opts.BacklogTotalBytesMax
	}
	l.publishBacklog()
	if own+l.othersBacklog() <= l.opts.BacklogTotalBytesMax {
		return false
	}
	for i, other := range l.shared.loops {
		if b := &l.shared.backlogs[i]; other != l && b.bytes.Load() > int64(l.backlogShare()) && b.evicting.CompareAndSwap(false, true) {
			other.calls.Put(func(other *Loop) {
				b.evicting.Store(false)
				other.evict(other.opts.BacklogTotalBytesMax / evictPart)
			})
		}
	}
	return own > l.backlogShare()
}
