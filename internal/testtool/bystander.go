package testtool

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Bystander is an ordinary client of a daemon that a test attacks or overloads. It publishes one
// message after the other to its own stream. It fails the test if a message takes too long.
type Bystander struct {
	Messages int           // number of received messages; read it after End
	Slowest  time.Duration // longest time of a message; read it after End

	publisher *Publisher
	stream    *Stream
	namespace string
	within    time.Duration // the longest time that a message may take
	over      chan struct{} // closed by End
	running   sync.WaitGroup
}

// bystanderPause is the time between two messages of a bystander.
const bystanderPause = 5 * time.Millisecond

// StartBystander subscribes to a namespace and publishes there until End, or until the test ends. A
// message may take at most the time within. after is called after each message; if it returns an
// error, the test fails.
func StartBystander(t testing.TB, d *Daemon, namespace string, within time.Duration, after func() error) *Bystander {
	t.Helper()
	b := &Bystander{
		publisher: DialPublisher(t, d.Publish[0]), stream: OpenStream(t, d.Subscribe[0], "/subscribe"+namespace),
		namespace: namespace, within: within, over: make(chan struct{}),
	}
	b.running.Go(func() {
		if err := b.run(after); err != nil {
			t.Errorf("the bystander's message %d: %v", b.Messages, err)
		}
	})
	t.Cleanup(b.End)
	return b
}

// End stops the bystander, after its last message has arrived.
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
		if err := RoundTrip(b.publisher, b.stream, b.namespace, fmt.Sprint("message ", b.Messages), b.within); err != nil {
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

// RoundTrip publishes a message. It returns an error unless the next message on the stream is this
// one, and arrives within the given time.
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
