package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// A message is one that a reader got.
type message struct {
	id    sse.ID
	event string
	data  string
}

// A reader is a subscriber that comes back at once, with the last id it had, however
// its stream ends. What the daemon asks it to wait it notes, and does not.
type reader struct {
	url     string
	decoder sse.Decoder
	end     func() // it leaves, before the test ends

	mu       sync.Mutex
	got      []message
	gaps     []sse.Gap
	places   []int  // of the gaps among what it got
	streams  int    // how often it was answered
	address  string // its own, of the newest connection
	retry    int64  // in milliseconds, as the stream last said; -1: it has not
	problems []string
}

// read begins to read a subscription, such as "/pets?last=1", and returns once it is
// one: who comes too early is told to come back. It ends with the test.
func (n *node) read(t *testing.T, rest string) *reader { return n.readFrom(t, rest, "") }

// readFrom is read for one who has had something.
func (n *node) readFrom(t *testing.T, rest, lastID string) *reader {
	t.Helper()
	r := start(t, n.stream(rest), lastID)
	n.waitFor(t, r)
	return r
}

// waitFor waits until a reader is subscribed.
func (n *node) waitFor(t *testing.T, r *reader) {
	t.Helper()
	testtool.WaitFor(t, "a subscription to "+r.url, func() bool {
		from := r.from()
		return from != "" && n.logged("msg=CONNECT", "client="+from+" ") > 0
	})
}

// start begins to read a URL.
func start(t *testing.T, url, lastID string) *reader {
	r := &reader{url: url, retry: -1}
	r.decoder.ResumeFrom(lastID)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			r.connect(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	r.end = func() {
		cancel()
		<-ended
	}
	t.Cleanup(func() {
		r.end()
		for _, problem := range r.problems {
			t.Errorf("%s: %s", url, problem)
		}
	})
	return r
}

// connect asks for the stream and reads it to its end.
func (r *reader) connect(ctx context.Context) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		r.problem("%v", err)
		return
	}
	id := r.decoder.LastEventID()
	if id != "" {
		request.Header.Set("Last-Event-ID", id)
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			r.mu.Lock()
			r.address = conn.LocalAddr().String()
			r.mu.Unlock()
		}
		return conn, err
	}}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return // it comes again
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		r.problem("the status is %s", answer.Status)
		return
	}
	r.mu.Lock()
	r.streams++
	r.mu.Unlock()
	r.decoder = sse.Decoder{}
	r.decoder.ResumeFrom(id)
	_, _ = io.Copy(r, answer.Body)
}

// Write takes a piece of the stream.
func (r *reader) Write(piece []byte) (int, error) {
	n, err := r.decoder.Feed(piece, func(e sse.Event) error {
		r.take(e)
		return nil
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if milliseconds, ok := r.decoder.Retry(); ok {
		r.retry = milliseconds
	}
	return n, err
}

func (r *reader) take(e sse.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Name == "gap" {
		var g sse.Gap
		if err := json.Unmarshal([]byte(e.Data), &g); err != nil {
			r.problems = append(r.problems, fmt.Sprintf("the gap %q: %v", e.Data, err))
		}
		r.gaps, r.places = append(r.gaps, g), append(r.places, len(r.got))
		return
	}
	id, err := sse.ParseID([]byte(e.ID))
	if err != nil || !e.HasID {
		r.problems = append(r.problems, fmt.Sprintf("the event %.100q has the id %q", e.Data, e.ID))
	}
	r.got = append(r.got, message{id, e.Name, e.Data})
}

func (r *reader) problem(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

func (r *reader) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams
}

// from is the address of its newest connection; empty before the first.
func (r *reader) from() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.address
}

// retryTime is what the stream asked to wait; -1 if it did not.
func (r *reader) retryTime() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retry
}

// messages are what came so far, and told the gaps among them.
func (r *reader) messages() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[:len(r.got):len(r.got)]
}

func (r *reader) told() []sse.Gap {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gaps[:len(r.gaps):len(r.gaps)]
}

// until waits for a message with this data, and returns all up to there.
func (r *reader) until(t *testing.T, data string) (all []message) {
	t.Helper()
	testtool.WaitFor(t, fmt.Sprintf("%q on %s", data, r.url), func() bool {
		all = r.messages()
		return len(all) > 0 && all[len(all)-1].data == data
	})
	return all
}

// untilGap waits for a number of gaps, and returns the last of them.
func (r *reader) untilGap(t *testing.T, number int) (g sse.Gap) {
	t.Helper()
	testtool.WaitFor(t, fmt.Sprintf("gap %d on %s", number, r.url), func() bool { return len(r.told()) >= number })
	return r.told()[number-1]
}

// wantNoSilence wants of a reader that had the first messages, numbers from 0, and
// was to get these: they came once and in order, but for some that it was told of
// before whatever came behind them.
func (r *reader) wantNoSilence(t *testing.T, numbers []int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, m := range r.got {
		if len(numbers) == 0 {
			t.Fatalf("%s: %v came, and no more was expected", r.url, m)
		}
		for len(numbers) > 0 && fmt.Sprint(numbers[0]) != m.data {
			if !r.knows(uint64(numbers[0]+1), i) {
				t.Fatalf("%s: %v came, and %d is missing; the gaps are %+v at %v", r.url, m, numbers[0], r.gaps, r.places)
			}
			numbers = numbers[1:]
		}
		if len(numbers) == 0 || m.id.Seq != uint64(numbers[0]+1) {
			t.Fatalf("%s: message %d is %v, which is there twice, or has the wrong number", r.url, i, m)
		}
		numbers = numbers[1:]
	}
	for _, number := range numbers {
		if !r.knows(uint64(number+1), len(r.got)) {
			t.Fatalf("%s: at the end %d is missing; the gaps are %+v", r.url, number, r.gaps)
		}
	}
}

// knows tells whether a gap that was told before message i has a number in it.
func (r *reader) knows(seq uint64, i int) bool {
	for j, g := range r.gaps {
		asked, _ := sse.ParseID([]byte(g.Asked))
		until, err := sse.ParseID([]byte(g.CompleteAfter))
		if err == nil && r.places[j] <= i && asked.Seq < seq && seq <= until.Seq {
			return true
		}
	}
	return false
}
