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

// A survey is a list of all subscribers, collected in one walk over them, and the figures at the
// beginning of the walk. Concurrent requests share the survey and its rendered pages.
type survey struct {
	began time.Time
	stats loop.Stats
	loops []loop.Stats
	conns []loop.SubscriberInfo // the oldest first; must not be changed

	mu    sync.Mutex
	pages map[any]func() rendered // by view or sets
}

// surveys shares surveys between concurrent requests. Each request gets a survey that began after
// the request. So a client that has subscribed, published or disconnected a subscriber sees the
// effect in its next request. A survey in progress would be available sooner, but it may show a
// connection that the client has just disconnected.
//
// So a request waits for at most two walks: the one in progress and the next one. However many
// requests there are, at most one walk is in progress and at most one is waiting:
//
//	walk in progress ── turn is full
//	next walk        ── waits for turn; new requests join it until it starts
type surveys struct {
	take    func(context.Context) (*survey, error)
	flights singleflight.Group // the requests that wait for the next walk
	turn    chan struct{}      // full while a walk is in progress
}

func newSurveys(take func(context.Context) (*survey, error)) *surveys {
	return &surveys{take: take, turn: make(chan struct{}, 1)}
}

// get returns a survey that began after the call. If ctx ends, get returns its error, but the walk
// continues, because other requests may wait for it.
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

// walk takes a survey for all requests that arrive before the previous walk ends.
func (s *surveys) walk() (any, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.flights.Forget("") // requests from here on are too late for this walk
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	return s.take(ctx)
}

// survey takes a survey of the daemon.
func (s *Server) survey(ctx context.Context) (*survey, error) {
	v := &survey{began: time.Now(), pages: map[any]func() rendered{}}
	var err error
	if v.stats, v.loops, err = s.stats(ctx); err != nil {
		return nil, err
	}
	if v.conns, err = s.opts.Daemon.Subscribers(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(v.conns, func(a, b loop.SubscriberInfo) int { return cmp.Compare(a.ID, b.ID) })
	return v, nil
}

// page returns the result of build as JSON. The page with the key of is rendered once and shared by
// all requests for it, because a page of nineteen thousand connections has some megabytes. Its
// memory is freed once the slowest client has received it, after requestTimeout at the latest.
// There are at most as many pages as connections (ConnsMax).
func (v *survey) page(of any, build func() any) rendered {
	v.mu.Lock()
	page, ok := v.pages[of]
	if !ok {
		page = sync.OnceValue(func() rendered { return render(build()) })
		v.pages[of] = page
	}
	v.mu.Unlock()
	return page()
}
