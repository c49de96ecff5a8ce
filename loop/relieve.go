package loop

import (
	"cmp"
	"slices"
)

// relieve makes room for so many bytes when all streams together hold too much.
// First everybody gets what there is. If it is still too much, those who are
// furthest behind are closed, one after the other.
func (l *loop) relieve(bytes int) {
	l.round.writes = len(l.blocked) + l.stats.Subscribers // no bound on this one pass: there is no memory to wait
	l.pass()
	if l.pool.Retained()+bytes <= l.opts.BacklogTotalBytesMax {
		return
	}
	var laggards []*subscriber
	for _, w := range l.blocked {
		if s, ok := w.(*subscriber); ok {
			laggards = append(laggards, s)
		}
	}
	lag := func(s *subscriber) uint64 { return s.audience.stream.Lag(&s.cursor) }
	slices.SortFunc(laggards, func(a, b *subscriber) int { return cmp.Compare(lag(b), lag(a)) })
	for _, s := range laggards {
		if l.pool.Retained()+bytes <= l.opts.BacklogTotalBytesMax {
			return
		}
		l.logSlow(s, "all backlogs together are too long; a subscriber that is furthest behind is closed", l.opts.BacklogTotalBytesMax)
		s.end(reasonEvicted)
	}
}
