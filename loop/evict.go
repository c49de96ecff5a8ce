package loop

import (
	"cmp"
	"slices"
)

// evictPart determines how much extra room evict makes: BacklogTotalBytesMax divided by it. Each
// eviction costs a pass and a check of every waiting subscriber, so it should be rare.
const evictPart = 16

// evict makes room for bytes when all streams together would exceed BacklogTotalBytesMax. First it
// delivers everything that sockets accept. If that is not enough, it skips the slowest subscribers
// to the newest message, if Options.Slow allows that. Then it closes subscribers, the slowest
// first. It shows the other loops the result, so that they do not evict because of bytes that are
// free.
func (l *Loop) evict(bytes int) {
	defer l.publishBacklog()
	// Memory is needed now, so delivery cannot wait for the next turn.
	l.budget.lift(len(l.blocked) + l.stats.Subscribers)
	l.pass()
	tooMuch := func() bool { return l.overMemory(bytes) }
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
