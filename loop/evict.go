package loop

import (
	"cmp"
	"slices"
)

// reliefPart is how much more room is made than is needed, as a part of all: each
// time costs a pass and a look at everybody who waits.
const evictPart = 16

// relieve makes room for so many bytes when all streams together hold too much.
// First everybody gets what there is. If it is still too much, those who are
// furthest behind are passed over to the newest message, where that is wanted,
// and then closed, one after the other.
func (l *loop) evict(bytes int) {
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
		if l.maySkip(laggards[i]) {
			l.skip(laggards[i])
		}
	}
	for i := 0; i < len(laggards) && tooMuch(); i++ {
		laggards[i].end(reasonEvicted)
	}
}
