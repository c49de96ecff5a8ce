package evioserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool/conformance"
	"github.com/ssed/ssed/publish"
)

// A store is a Sink that answers from another goroutine and supports keys.
type store struct {
	recorder
	asked   chan question
	answers chan answer
	open    int // messages without an answer; used by evio's goroutine only
}

type question struct {
	key string
	m   conformance.Message
}

type answer struct {
	sequence uint64
	err      error
}

// readsMax is more messages than evio can get in one read of 64 KiB.
const readsMax = 1 << 13

func newStore(t *testing.T) *store {
	s := &store{asked: make(chan question, readsMax), answers: make(chan answer, readsMax)}
	var all sync.WaitGroup
	all.Go(s.answer)
	t.Cleanup(func() { close(s.asked); all.Wait() })
	return s
}

func (s *store) answer() {
	known := map[string]answer{}
	for q := range s.asked {
		a, again := known[q.key]
		switch {
		case again:
		case q.m.Namespace == "/full":
			a.err = fmt.Errorf("%w: the disk is full", publish.ErrBusy)
		default:
			a.sequence, a.err = s.recorder.Publish([]byte(q.m.Namespace), []byte(q.m.Event), []byte(q.m.Data))
			if q.key != "" {
				known[q.key] = a
			}
		}
		s.answers <- a
	}
}

func (s *store) Publish(namespace, event, data []byte) (uint64, error) {
	return s.PublishKeyed(nil, namespace, event, data)
}

func (s *store) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	s.open++
	s.asked <- question{string(key), conformance.Message{Namespace: string(namespace), Event: string(event), Data: string(data)}}
	return 0, publish.ErrPending
}

func (s *store) Settle(to *publish.Replies) {
	for ; s.open > 0; s.open-- {
		a := <-s.answers
		to.Settle(a.sequence, a.err)
	}
}

// TestConformanceWithPendingReplies verifies that a Sink that answers later gives publishers the
// same replies as a Sink that answers immediately.
func TestConformanceWithPendingReplies(t *testing.T) {
	t.Parallel()
	conformance.Run(t, func(t *testing.T, cfg publish.Config) conformance.Server {
		sink := newStore(t)
		s := start(t, Options{Listen: []string{unix(t).String()}, Sink: sink, Session: cfg})
		return conformance.Server{
			Dial:     func(t testing.TB) net.Conn { return dial(t, s.Addrs()[0]) },
			Messages: sink.Messages,
			Keys:     true,
		}
	})
}

func TestRepliesBehindPending(t *testing.T) {
	sink := newStore(t)
	s := start(t, Options{Listen: []string{tcp()}, Sink: sink})
	for i, script := range []struct{ send, want string }{
		{"PUB / - a\nPING\nPUB /full - b\nPUB / - \xff\nPUBN / - 1\nc\nQUIT\n",
			"OK 1\nPONG\nERR busy the disk is full\nERR utf8 invalid UTF-8 in the data at byte 0\nOK 2\nOK\n"},
		{"QUIET on\nPUB / - d\nPUB /full - e\nPING\nQUIET off\nPUB / - f\nQUIT\n",
			"OK\nERR busy the disk is full\nPONG\nOK\nOK 4\nOK\n"},
	} {
		conn := dial(t, s.Addrs()[0])
		fmt.Fprint(conn, script.send)
		if got, err := io.ReadAll(conn); err != nil || string(got) != script.want {
			t.Errorf("script %d: replies\n%s(%v), want\n%s", i, got, err, script.want)
		}
	}
}

// TestManyPublishersOfAStore pipelines messages on many connections. It checks that every OK has
// the sequence of the publisher's own message, and that every PONG follows it.
func TestManyPublishersOfAStore(t *testing.T) {
	const publishers, each = 20, 500
	sink := newStore(t)
	s := start(t, Options{Listen: []string{tcp(), unix(t).String()}, Sink: sink})
	var all sync.WaitGroup
	for p := range publishers {
		conn := dial(t, s.Addrs()[p%2])
		all.Go(func() {
			var send strings.Builder
			for i := range each {
				fmt.Fprintf(&send, "PUB /%d - %d\nPING\n", p, i)
			}
			go io.WriteString(conn, send.String()+"QUIT\n")
			replies := bufio.NewReader(conn)
			for i := range each {
				var sequence uint64
				if _, err := fmt.Fscanf(replies, "OK %d\nPONG\n", &sequence); err != nil {
					t.Errorf("publisher %d, message %d: %v", p, i, err)
					return
				}
				want := conformance.Message{Namespace: fmt.Sprintf("/%d", p), Data: fmt.Sprint(i)}
				if got := sink.Messages()[sequence-1]; got != want {
					t.Errorf("publisher %d got sequence %d, which is %v; want %v", p, sequence, got, want)
				}
			}
			if last, err := io.ReadAll(replies); err != nil || string(last) != "OK\n" {
				t.Errorf("publisher %d: the last reply is %q, %v", p, last, err)
			}
		})
	}
	all.Wait()
	if n := len(sink.Messages()); n != publishers*each {
		t.Errorf("%d messages were published", n)
	}
}
