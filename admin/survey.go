package admin

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ssed/ssed/loop"
)

// A survey is one walk over all subscribers, and the figures as it began. All who
// asked meanwhile share it, and what is rendered of it.
type survey struct {
	began time.Time
	stats loop.Stats
	conns []loop.SubscriberInfo // oldest first; not to be changed

	mu    sync.Mutex
	pages map[any]func() rendered
}

// surveys lets those who ask at the same time share a survey. Each is given one
// that began after it asked: whoever has subscribed, published or disconnected
// somebody, and then looks, sees it. One that was under way would be had sooner, and
// would show what one has just thrown out. So one waits for two walks at most, and
// however many ask, one walk goes on and one is to come.
type surveys struct {
	take    func(context.Context) (*survey, error)
	flights singleflight.Group
	turn    chan struct{} // has room for the walk that goes on
}

func newSurveys(take func(context.Context) (*survey, error)) *surveys {
	return &surveys{take: take, turn: make(chan struct{}, 1)}
}

// get returns a survey that began after the call. The context ends the waiting, and
// not the walk, which others wait for.
func (s *surveys) get(ctx context.Context) (*survey, error) {
	select {
	case taken := <-s.flights.DoChan("", s.walk):
		if taken.Err != nil {
			return nil, taken.Err
		}
		return taken.Val.(*survey), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// walk takes a survey for all who have come by the time that the one before is over.
func (s *surveys) walk() (any, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.flights.Forget("") // from here on, who comes is too late for this one
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	return s.take(ctx)
}

// survey asks the loop.
func (s *Server) survey(ctx context.Context) (*survey, error) {
	v := &survey{began: time.Now(), pages: map[any]func() rendered{}}
	var err error
	if v.stats, err = s.stats(ctx); err != nil {
		return nil, err
	}
	if v.conns, err = s.opts.Daemon.Subscribers(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(v.conns, func(a, b loop.SubscriberInfo) int { return cmp.Compare(a.ID, b.ID) })
	return v, nil
}

// page returns what make makes, as JSON. That of nineteen thousand connections has
// some megabytes, so it is made once for all who want the same of one survey. It
// lives until the slowest of them has it, who has requestTimeout for that: there are
// no more of them than connections (ConnsMax).
func (v *survey) page(of any, make func() any) rendered {
	v.mu.Lock()
	page, ok := v.pages[of]
	if !ok {
		page = sync.OnceValue(func() rendered { return render(make()) })
		v.pages[of] = page
	}
	v.mu.Unlock()
	return page()
}
