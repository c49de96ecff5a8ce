package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/subscribe"
)

// reconnectPause is how long a subscriber without Patient waits before it reconnects.
const reconnectPause = 20 * time.Millisecond

// SubscriberOptions configure a Subscriber.
type SubscriberOptions struct {
	URL         string // such as Daemon.Subscribe[0] + "/subscribe/pets"
	Name        string // for failures; empty: the URL
	LastEventID string // of the first request; empty: not sent
	// Patient makes the subscriber use subscribe.Run. That waits before it reconnects, for as
	// long as the server asks, and treats a status of 500 or more as a lost stream. Without
	// Patient, the subscriber reconnects after reconnectPause, and each status but 200 is a
	// problem.
	Patient bool
}

// A Subscriber reads a stream and records everything that it receives. When the stream ends, for
// any reason, it reconnects with its last id.
type Subscriber struct {
	SubscriberOptions

	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	state SubscriberState
}

// A SubscriberState is the record of a Subscriber so far, with its counters.
type SubscriberState struct {
	Record
	Streams  int      // responses with status 200
	Lost     int      // streams that ended, and failed attempts to connect
	Problems []string // errors of the server, other than in the record

	// These are set only without Patient.
	Address string        // local address of the newest connection; the daemon logs it as client
	Retry   time.Duration // the newest retry time that a stream has sent; 0: none
}

// StartSubscriber starts a subscriber. It is closed when the test ends, if Close was not called
// before. The test then fails if the subscriber has Problems.
func StartSubscriber(t testing.TB, o SubscriberOptions) *Subscriber {
	t.Helper()
	testtool.Started(t, "a subscriber")
	if o.Name == "" {
		o.Name = o.URL
	}
	s := &Subscriber{SubscriberOptions: o, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.done)
		if o.Patient {
			s.runPatiently(ctx)
		} else {
			s.run(ctx)
		}
	}()
	t.Cleanup(func() {
		s.Close()
		for _, problem := range s.state.Problems {
			t.Errorf("%s: %s", s.Name, problem)
		}
	})
	return s
}

// Close stops the subscriber. Its state remains available.
func (s *Subscriber) Close() {
	s.cancel()
	<-s.done
}

// State returns the state so far.
func (s *Subscriber) State() SubscriberState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Messages returns the messages that were received so far.
func (s *Subscriber) Messages() []Message { return s.State().Messages }

// Gaps returns the gap events that were received so far.
func (s *Subscriber) Gaps() []Gap { return s.State().Gaps }

// LastID returns the id of the newest message, or the zero ID before the first message.
func (s *Subscriber) LastID() (id sse.ID) {
	if all := s.Messages(); len(all) > 0 {
		id = all[len(all)-1].ID
	}
	return id
}

// WaitStream waits for the first stream.
func (s *Subscriber) WaitStream(t testing.TB) {
	t.Helper()
	testtool.WaitFor(t, "the stream of "+s.Name, func() bool { return s.State().Streams > 0 || s.failed() })
}

// WaitCount waits until the given number of messages was received.
func (s *Subscriber) WaitCount(t testing.TB, messages int) {
	t.Helper()
	testtool.WaitFor(t, fmt.Sprintf("%d messages at %s", messages, s.Name), func() bool { return len(s.Messages()) >= messages || s.failed() })
}

// WaitData waits until a message with this data is the newest, and returns all messages.
func (s *Subscriber) WaitData(t testing.TB, data string) (all []Message) {
	t.Helper()
	testtool.WaitFor(t, fmt.Sprintf("%q at %s", data, s.Name), func() bool {
		all = s.Messages()
		return len(all) > 0 && all[len(all)-1].Data == data
	})
	return all
}

// WaitGap waits for the n-th gap event, counted from 1, and returns it.
func (s *Subscriber) WaitGap(t testing.TB, n int) Gap {
	t.Helper()
	testtool.WaitFor(t, fmt.Sprintf("gap %d at %s", n, s.Name), func() bool { return len(s.Gaps()) >= n })
	return s.Gaps()[n-1]
}

// Verify fails the test unless the record so far passes the audit and there are no problems.
func (s *Subscriber) Verify(t testing.TB, a Audit) {
	t.Helper()
	state := s.State()
	if len(state.Problems) > 0 {
		t.Fatalf("%s: %s", s.Name, strings.Join(state.Problems[:min(3, len(state.Problems))], "; "))
	}
	if err := a.Check(state.Record); err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
}

// WaitAll waits until as many messages were received as the audit expects, and verifies them.
func (s *Subscriber) WaitAll(t testing.TB, a Audit) {
	t.Helper()
	_, due := a.entries()
	s.WaitCount(t, len(due))
	s.Verify(t, a)
}

// run connects and reconnects until ctx ends. It is for subscribers without Patient.
func (s *Subscriber) run(ctx context.Context) {
	decoder := &sse.Decoder{}
	decoder.ResumeFrom(s.LastEventID)
	for ctx.Err() == nil {
		id := decoder.LastEventID()
		decoder = &sse.Decoder{}
		decoder.ResumeFrom(id)
		s.connect(ctx, decoder)
		s.note(func(now *SubscriberState) { now.Lost++ })
		select {
		case <-ctx.Done():
		case <-time.After(reconnectPause):
		}
	}
}

// connect requests the stream and reads it until it ends.
func (s *Subscriber) connect(ctx context.Context, decoder *sse.Decoder) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		s.problem("%v", err)
		return
	}
	if id := decoder.LastEventID(); id != "" {
		request.Header.Set("Last-Event-ID", id)
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: s.dial}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return // run connects again
	}
	defer response.Body.Close()
	s.head(response)
	if response.StatusCode == http.StatusOK {
		io.Copy(feeder{s, decoder}, response.Body)
	}
}

// dial connects, and records the local address before the daemon can log anything about the
// connection.
func (s *Subscriber) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		s.note(func(now *SubscriberState) { now.Address = conn.LocalAddr().String() })
	}
	return conn, err
}

// A feeder is an io.Writer that decodes a stream.
type feeder struct {
	*Subscriber
	decoder *sse.Decoder
}

func (f feeder) Write(piece []byte) (int, error) {
	n, err := f.decoder.Feed(piece, f.event)
	if milliseconds, ok := f.decoder.Retry(); ok {
		f.note(func(now *SubscriberState) { now.Retry = time.Duration(milliseconds) * time.Millisecond })
	}
	return n, err
}

// runPatiently reads the stream with subscribe.Run, for subscribers with Patient.
func (s *Subscriber) runPatiently(ctx context.Context) {
	err := subscribe.Run(ctx, subscribe.Options{
		URL:         s.URL,
		LastEventID: s.LastEventID,
		Event:       s.event,
		Head:        s.head,
		Lost:        func(subscribe.Loss) { s.note(func(now *SubscriberState) { now.Lost++ }) },
	})
	if !errors.Is(err, context.Canceled) {
		s.problem("subscribe.Run gave up: %v", err)
	}
}

// head records the head of a response.
func (s *Subscriber) head(response *http.Response) {
	switch {
	case response.StatusCode == http.StatusOK:
		s.note(func(now *SubscriberState) { now.Streams++ })
	case !s.Patient:
		s.problem("the status is %s", response.Status)
	}
}

// event records one event.
func (s *Subscriber) event(e sse.Event) error {
	if e.Name == sse.DefaultGapEvent {
		var g sse.Gap
		if err := json.Unmarshal([]byte(e.Data), &g); err != nil {
			s.problem("the gap %q: %v", e.Data, err)
		}
		s.note(func(now *SubscriberState) { now.Gaps = append(now.Gaps, Gap{g, len(now.Messages)}) })
		return nil
	}
	id, err := sse.ParseID([]byte(e.ID))
	if err != nil || !e.HasID {
		s.problem("the event %.100q has the id %q: %v", e.Data, e.ID, err)
	}
	s.note(func(now *SubscriberState) { now.Messages = append(now.Messages, Message{id, e.Name, e.Data}) })
	return nil
}

// note changes the state while it holds mu.
func (s *Subscriber) note(change func(now *SubscriberState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
}

func (s *Subscriber) problem(format string, args ...any) {
	s.note(func(now *SubscriberState) { now.Problems = append(now.Problems, fmt.Sprintf(format, args...)) })
}

func (s *Subscriber) failed() bool { return len(s.State().Problems) > 0 }
