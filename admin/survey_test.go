package admin

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/auth"
)

// A slowLoop takes surveys. Each one takes a second.
type slowLoop struct {
	began atomic.Int64 // walks that were started
	at    atomic.Int64 // walks in progress
	fails atomic.Bool
}

var errSlow = errors.New("the loop does not answer")

func (l *slowLoop) take(ctx context.Context) (*survey, error) {
	l.began.Add(1)
	if l.at.Add(1) > 1 {
		panic("two walks at the same time")
	}
	defer l.at.Add(-1)
	v := &survey{began: time.Now(), pages: map[any]func() rendered{}}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.fails.Load() {
		return nil, errSlow
	}
	return v, nil
}

// TestSurveysAreShared verifies that any number of requests during a walk share the next walk.
func TestSurveysAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l slowLoop
		s := newSurveys(l.take)
		var all sync.WaitGroup
		seen := make([]*survey, 1001)
		ask := func(i int) {
			all.Go(func() {
				v, err := s.get(t.Context())
				if err != nil {
					t.Error(err)
				}
				seen[i] = v
			})
		}
		ask(1000)
		synctest.Wait() // its walk has begun
		for i := range 1000 {
			ask(i)
		}
		all.Wait()
		if n := l.began.Load(); n != 2 {
			t.Errorf("%d walks, want one for the first request and one for all others", n)
		}
		for i := range 1000 {
			if seen[i] != seen[0] || seen[i] == seen[1000] {
				t.Fatalf("request %d got another survey", i)
			}
		}
	})
}

// TestSurveyBeginsAfterItsRequest verifies that every survey begins after its request, and that no
// request waits for more than two walks.
func TestSurveyBeginsAfterItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l slowLoop
		s := newSurveys(l.take)
		var all sync.WaitGroup
		for range 2000 {
			all.Go(func() {
				time.Sleep(rand.N(20 * time.Second))
				asked := time.Now()
				v, err := s.get(t.Context())
				if err != nil {
					t.Error(err)
				} else if v.began.Before(asked) {
					t.Errorf("the survey began %v before the request", asked.Sub(v.began))
				}
				if took := time.Since(asked); took > 2*time.Second {
					t.Errorf("two walks of a second took %v", took)
				}
			})
		}
		all.Wait()
		if n := l.began.Load(); n > 22 {
			t.Errorf("%d walks of a second in at most 22", n)
		}
	})
}

// TestFailureOnlyReachesItsWaiters verifies that a failed walk returns its error only to the
// requests that waited for it.
func TestFailureOnlyReachesItsWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l slowLoop
		s := newSurveys(l.take)
		l.fails.Store(true)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := s.get(t.Context()); err != errSlow {
					t.Errorf("got %v, want %v", err, errSlow)
				}
			})
		}
		all.Wait()
		l.fails.Store(false)
		if v, err := s.get(t.Context()); err != nil || v == nil {
			t.Errorf("after the loop answers again, the survey is %v, %v", v, err)
		}
	})
}

// TestCancelDoesNotAffectOtherRequests verifies that a canceled request does not cancel the walk
// for the other requests, even if it started the walk.
func TestCancelDoesNotAffectOtherRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l slowLoop
		s := newSurveys(l.take)
		impatient, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, ctx := range []context.Context{impatient, impatient, t.Context(), impatient} {
			all.Go(func() {
				began := time.Now()
				v, err := s.get(ctx)
				switch {
				case ctx == impatient && (err != context.Canceled || time.Since(began) != time.Second/2):
					t.Errorf("a request canceled after half a second: %v, after %v", err, time.Since(began))
				case ctx != impatient && (err != nil || v == nil):
					t.Errorf("another request: %v", err)
				}
			})
			synctest.Wait() // now the first request's walk is in progress, and the others wait for the next
		}
		time.Sleep(time.Second / 2)
		leave()
		all.Wait()
		if n := l.began.Load(); n != 2 {
			t.Errorf("%d walks, want 2", n)
		}
	})
}

// TestPagesShareAWalk verifies that different pages share a walk, and that equal pages also share
// the rendered bytes.
func TestPagesShareAWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l slowLoop
		s := &Server{opts: Options{Tokens: func() *auth.Table { return nil }, Publishers: func(*ssed.Stats) {}, LogLinesLost: func() uint64 { return 0 }}, surveys: newSurveys(l.take)}
		answers := map[string][]rendered{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 400 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // all requests arrive during the first walk
				path, f := "/admin/namespaces.json", s.namespaces
				if i%4 > 0 {
					path, f = "/admin/status.json?limit="+strconv.Itoa(i%4), s.status
				}
				answer, err := f(httptest.NewRequest("GET", path, nil))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if i > 0 {
					answers[path] = append(answers[path], answer.(rendered))
				}
			})
		}
		all.Wait()
		if n := l.began.Load(); n != 2 || len(answers) != 4 {
			t.Errorf("%d walks for %d kinds of answers, want 2 for 4", n, len(answers))
		}
		for path, same := range answers {
			for _, answer := range same {
				if &answer[0] != &same[0][0] {
					t.Fatalf("%s was rendered more than once", path)
				}
			}
		}
	})
}

// TestEqualPagesAreRenderedOnce verifies that a page is rendered once for all equal requests, and
// once for each different one.
func TestEqualPagesAreRenderedOnce(t *testing.T) {
	v := &survey{pages: map[any]func() rendered{}}
	var made atomic.Int64
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			of := view{choice: choice{limit: i % 3}}
			page := v.page(of, func() any {
				made.Add(1)
				return of.limit
			})
			if want := strconv.Itoa(i%3) + "\n"; string(page) != want {
				t.Errorf("got %q, want %q", page, want)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != 3 {
		t.Errorf("three pages were made %d times", n)
	}
}

// TestChoiceDoesNotChangeTheSurvey verifies that choosing connections does not change the survey.
func TestChoiceDoesNotChangeTheSurvey(t *testing.T) {
	conns := []ssed.SubscriberInfo{{ID: 1, LagBytes: 5}, {ID: 2, LagBytes: 9, Namespaces: []string{"/a"}}, {ID: 3, LagBytes: 5}, {ID: 4, Namespaces: []string{"/a/b"}}}
	for _, tt := range []struct {
		choice
		want []ssed.ConnID
		next ssed.ConnID
	}{
		{choice{limit: 9}, []ssed.ConnID{1, 2, 3, 4}, 0},
		{choice{limit: 9, byBacklog: true}, []ssed.ConnID{2, 1, 3, 4}, 0},
		{choice{limit: 9, namespace: "/a"}, []ssed.ConnID{2, 4}, 0},
		{choice{limit: 2, after: 1}, []ssed.ConnID{2, 3}, 3},
		{choice{limit: 3, byBacklog: true}, []ssed.ConnID{2, 1, 3}, 0},
		{choice{limit: 0}, nil, 0},
		{choice{limit: 4}, []ssed.ConnID{1, 2, 3, 4}, 0},
	} {
		got, next := tt.of(conns)
		same := len(got) == len(tt.want) && next == tt.next
		for i := 0; same && i < len(got); i++ {
			same = got[i].ID == tt.want[i]
		}
		if !same {
			t.Errorf("%+v: got %d connections and %d, want %v and %d", tt.choice, len(got), next, tt.want, tt.next)
		}
	}
	for i, c := range conns {
		if c.ID != ssed.ConnID(i+1) {
			t.Errorf("index %d has the id %d now", i, c.ID)
		}
	}
}
