package loop

import (
	"cmp"
	"slices"
)

// evictPart is the divisor of BacklogTotalBytesMax that gives the extra room to make,
// since each eviction costs a pass and a check of every waiting subscriber.
const evictPart = 16

// evict makes room for so many bytes when all streams together hold too much. First it
// delivers whatever it can. If the streams still hold too much, it moves the slowest
// subscribers on to the newest message, if Options.Slow allows that, and then closes
// subscribers, the slowest first.
func (l *Loop) evict(bytes int) {
	l.budget.lift(len(l.blocked) + l.stats.Subscribers) // there is no memory to wait
	l.pass()
	tooMuch := func() bool { return l.backlogBytes()+bytes > l.opts.BacklogTotalBytesMax }
	if !tooMuch() {
		return
	}
	var laggards []*subscriber
	for _, w := range l.blocked {
		if s, ok := w.waiter.(*subscriber); ok {
			laggards = append(laggards, s)
		}
	}
	lag := func(s *subscriber) uint64 { return s.audience.stream.Lag(&s.cursor) }
	slices.SortFunc(laggards, func(a, b *subscriber) int { return cmp.Compare(lag(b), lag(a)) })
	for i := 0; i < len(laggards) && tooMuch(); i++ {
		if laggards[i].maySkip(l) {
			laggards[i].skip(l)
		}
	}
	for i := 0; i < len(laggards) && tooMuch(); i++ {
		laggards[i].end(reasonEvicted)
	}
}
