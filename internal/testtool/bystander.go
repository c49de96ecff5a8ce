package testtool

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Bystander has one stream of a daemon that others attack or overload. It publishes one
// message after the other to itself, and fails the test if one does not come at once.
type Bystander struct {
	Messages int           // that came; to be read after End
	Slowest  time.Duration // the longest that one took; to be read after End

	publisher *Publisher
	stream    *Stream
	namespace string
	atOnce    time.Duration
	over      chan struct{} // closed when the bystander may go
	running   sync.WaitGroup
}

// bystanderPause is the time between two messages of a bystander.
const bystanderPause = 5 * time.Millisecond

// StartBystander subscribes to a namespace and publishes there until End, or the end of
// the test. atOnce is the longest that a message may take. after is called after each
// message, and an error of it fails the test.
func StartBystander(t testing.TB, d *Daemon, namespace string, atOnce time.Duration, after func() error) *Bystander {
	t.Helper()
	b := &Bystander{
		publisher: DialPublisher(t, d.Publish[0]), stream: OpenStream(t, d.Subscribe[0], "/subscribe"+namespace),
		namespace: namespace, atOnce: atOnce, over: make(chan struct{}),
	}
	b.running.Go(func() {
		if err := b.run(after); err != nil {
			t.Errorf("the bystander's message %d: %v", b.Messages, err)
		}
	})
	t.Cleanup(b.End)
	return b
}

// End ends the bystander once its last message has come.
func (b *Bystander) End() {
	select {
	case <-b.over:
	default:
		close(b.over)
	}
	b.running.Wait()
}

func (b *Bystander) run(after func() error) error {
	pace := time.NewTicker(bystanderPause)
	defer pace.Stop()
	for {
		start := time.Now()
		if err := RoundTrip(b.publisher, b.stream, b.namespace, fmt.Sprint("message ", b.Messages), b.atOnce); err != nil {
			return fmt.Errorf("after %v: %w", time.Since(start), err)
		}
		b.Messages++
		b.Slowest = max(b.Slowest, time.Since(start))
		if err := after(); err != nil {
			return err
		}
		select {
		case <-b.over:
			return nil
		case <-pace.C:
		}
	}
}

// RoundTrip publishes a message, and returns an error unless it is the next that comes on
// a stream, within a time.
func RoundTrip(p *Publisher, s *Stream, namespace, data string, within time.Duration) error {
	deadline := time.Now().Add(within)
	p.Conn.SetDeadline(deadline)
	s.Conn.SetReadDeadline(deadline)
	if _, err := io.WriteString(p.Conn, "PUB "+namespace+" - "+data+"\n"); err != nil {
		return fmt.Errorf("cannot publish: %w", err)
	}
	if reply, err := p.replies.ReadString('\n'); err != nil || !strings.HasPrefix(reply, "OK ") {
		return fmt.Errorf("the publisher was answered %q, %v", reply, err)
	}
	for {
		block, err := s.Block()
		if err != nil {
			return err
		}
		if block[0] == ':' {
			continue
		}
		if want := "data:" + data + "\n\n"; string(block) != want {
			return fmt.Errorf("got %q, want %q", block, want)
		}
		return nil
	}
}
