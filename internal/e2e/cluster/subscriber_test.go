package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
	"github.com/ssed/ssed/subscribe"
)

// A subscriber reads a stream, and comes back by itself as an EventSource does.
type subscriber struct {
	name string

	mu     sync.Mutex
	ids    []uint64 // of the messages that it has
	data   []string
	epoch  string
	streak int // answers that were streams
	losses int // ends of streams, and answers that were none
	odd    []string
}

// listen starts a subscriber at a URL, and returns once it has its first stream. It
// ends with the test.
func listen(t *testing.T, name, url, lastEventID string) *subscriber {
	t.Helper()
	s := &subscriber{name: name}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	go func() {
		defer close(ended)
		err := subscribe.Run(ctx, subscribe.Options{
			URL:         url,
			LastEventID: lastEventID,
			Event:       s.event,
			Head: func(*http.Response) {
				s.mu.Lock()
				s.streak++
				s.mu.Unlock()
			},
			Lost: func(subscribe.Loss) {
				s.mu.Lock()
				s.losses++
				s.mu.Unlock()
			},
		})
		if !errors.Is(err, context.Canceled) {
			s.mu.Lock()
			s.odd = append(s.odd, fmt.Sprintf("it gave up: %v", err))
			s.mu.Unlock()
		}
	}()
	testtool.WaitFor(t, "the stream of "+name, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.streak > 0 || len(s.odd) > 0
	})
	return s
}

// event takes one event.
func (s *subscriber) event(e sse.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := sse.ParseID([]byte(e.ID))
	switch {
	case e.Name != "message":
		s.odd = append(s.odd, fmt.Sprintf("event %s: %s", e.Name, e.Data))
		return nil
	case err != nil || !e.HasID:
		s.odd = append(s.odd, fmt.Sprintf("the id %q: %v", e.ID, err))
		return nil
	case s.epoch != "" && id.Epoch != s.epoch:
		s.odd = append(s.odd, fmt.Sprintf("the epoch is %q, and was %q", id.Epoch, s.epoch))
	}
	s.epoch = id.Epoch
	s.ids, s.data = append(s.ids, id.Seq), append(s.data, e.Data)
	return nil
}

// lastID is the id of the last message that it has; empty: it has none.
func (s *subscriber) lastID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) == 0 {
		return ""
	}
	return fmt.Sprintf("%s-%d", s.epoch, s.ids[len(s.ids)-1])
}

// newest is the number of the last message that it has; 0: it has none.
func (s *subscriber) newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) == 0 {
		return 0
	}
	return s.ids[len(s.ids)-1]
}

// count is how many messages it has.
func (s *subscriber) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

// waitFor waits until it has so many messages.
func (s *subscriber) waitFor(t *testing.T, messages int) {
	t.Helper()
	testtool.WaitFor(t, fmt.Sprintf("%d messages at %s", messages, s.name), func() bool { return s.count() >= messages })
}

// since is what it got behind its first n messages.
func (s *subscriber) since(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.data[n:])
}

// lost is how many of its streams ended.
func (s *subscriber) lost() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.losses
}

// wants waits until it has as many messages as were answered OK, and wants them to
// be these, each once, with the numbers that the publishers were told, in order.
// behind is the number behind which it began.
func (s *subscriber) wants(t *testing.T, published map[string]uint64, behind uint64) {
	t.Helper()
	expected := map[string]uint64{}
	for data, seq := range published {
		if seq > behind {
			expected[data] = seq
		}
	}
	testtool.WaitFor(t, fmt.Sprintf("%d messages at %s", len(expected), s.name), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.ids) >= len(expected) || len(s.odd) > 0
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.odd) > 0 {
		t.Fatalf("%s: %s", s.name, strings.Join(s.odd[:min(3, len(s.odd))], "; "))
	}
	for i, data := range s.data {
		if i > 0 && s.ids[i] <= s.ids[i-1] {
			t.Fatalf("%s: %d (%q) comes behind %d (%q)", s.name, s.ids[i], data, s.ids[i-1], s.data[i-1])
		}
		if seq, ok := expected[data]; !ok || seq != s.ids[i] {
			t.Fatalf("%s: %q came with %d; its publisher was told %d (%v)", s.name, data, s.ids[i], seq, ok)
		}
	}
	if len(s.ids) != len(expected) {
		t.Fatalf("%s has %d messages, of %d", s.name, len(s.ids), len(expected))
	}
}
