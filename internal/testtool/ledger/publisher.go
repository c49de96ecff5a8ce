package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// Endless is more messages than any test sends.
const Endless = 1 << 30

// dialTimeout is the timeout of one attempt to connect. The publisher then tries again.
const dialTimeout = time.Second

// PublisherOptions configure the messages of a Publisher and its speed.
type PublisherOptions struct {
	URL       string // of the publishers' side, such as Daemon.Publish[0]
	Name      string // first word of the data of each message, before its number; empty: the namespace
	Namespace string
	Event     string
	Padding   int // additional bytes in each message
	// Keyed gives each message a key. A message is then sent again after ERR busy, or after a
	// lost connection, until it is acknowledged. Without Keyed each message is sent once.
	Keyed bool
	// Messages is how many messages the publisher sends, until a Burst.
	Messages int
	// Batch is how many messages the publisher sends before it waits for their replies; 0: it
	// never waits. With batches, the sequences of messages that are sent for the first time
	// must rise.
	Batch int
	// Interval is the time between the starts of two batches, unless replies take longer. It
	// limits the load, so that a small machine has resources for the daemon.
	Interval time.Duration
}

// A Publisher sends numbered messages, pipelined, and records the result of each in its Ledger. It
// reconnects whenever its connection is closed, so it survives a restart of the daemon.
type Publisher struct {
	Ledger *Ledger
	PublisherOptions

	stopped context.Context // done once Stop is called: no new message is sent
	stop    context.CancelFunc
	done    chan struct{}

	mu       sync.Mutex
	next     int    // the first number that was not sent yet
	again    []int  // numbers that must be sent again, in rising order
	pending  int    // messages without a reply
	last     uint64 // the newest sequence of a message that was sent for the first time
	stats    PublisherStats
	problems []string
}

// PublisherStats are the counters of a Publisher.
type PublisherStats struct {
	Busy     int    // replies ERR busy
	Broken   int    // messages that got no reply before the connection was closed
	Dials    int    // connections
	LastBusy string // the reason in the newest ERR busy
}

// StartPublisher starts a publisher. It is stopped when the test ends, if Stop was not
// called before.
func StartPublisher(t testing.TB, o PublisherOptions) *Publisher {
	t.Helper()
	testtool.Started(t, "a publisher")
	if o.Name == "" {
		o.Name = o.Namespace
	}
	p := &Publisher{Ledger: &Ledger{Event: o.Event}, PublisherOptions: o, done: make(chan struct{})}
	p.stopped, p.stop = context.WithCancel(context.Background())
	ctx, quit := context.WithCancel(context.Background())
	go func() {
		defer close(p.done)
		p.run(ctx)
	}()
	t.Cleanup(func() {
		p.stop()
		quit()
		<-p.done
		p.report(t)
	})
	return p
}

// Stats returns the counts so far.
func (p *Publisher) Stats() PublisherStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Acked returns the number of messages that were acknowledged.
func (p *Publisher) Acked() int {
	_, acked := p.Ledger.Counts()
	return acked
}

// WaitAcked waits until each publisher has at least more additional acknowledged messages.
func WaitAcked(t testing.TB, more int, publishers ...*Publisher) {
	t.Helper()
	waitAcked(t, more, func(*Publisher) {}, publishers)
}

// Burst makes each publisher send the given number of additional messages. It waits until acked of
// them are acknowledged.
func Burst(t testing.TB, messages, acked int, publishers ...*Publisher) {
	t.Helper()
	waitAcked(t, acked, func(p *Publisher) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.Messages = p.next + messages
	}, publishers)
}

func waitAcked(t testing.TB, more int, begin func(*Publisher), publishers []*Publisher) {
	t.Helper()
	want := map[*Publisher]int{}
	for _, p := range publishers {
		want[p] = p.Acked() + more
		begin(p)
	}
	for _, p := range publishers {
		testtool.WaitFor(t, fmt.Sprintf("%d acknowledged messages of %s", want[p], p.Name), func() bool { return p.Acked() >= want[p] })
	}
}

// Stop makes publishers send no new messages. It waits until each message has a reply, and returns
// the ledgers. If a publisher is Keyed, all its messages must be acknowledged then.
func Stop(t testing.TB, publishers ...*Publisher) (ledgers []*Ledger) {
	t.Helper()
	for _, p := range publishers {
		p.stop()
	}
	impatience := time.After(testtool.Patience)
	for _, p := range publishers {
		select {
		case <-p.done:
		case <-impatience:
			t.Fatalf("%s does not stop: %d messages have no reply: %+v", p.Name, p.unanswered(), p.Stats())
		}
		p.report(t)
		if sent, acked := p.Ledger.Counts(); p.Keyed && acked != sent {
			t.Errorf("%s: %d messages were sent with keys, but only %d are acknowledged", p.Name, sent, acked)
		}
		ledgers = append(ledgers, p.Ledger)
	}
	return ledgers
}

// report fails the test if there are problems. It reports each problem once.
func (p *Publisher) report(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		t.Errorf("%s: %s", p.Name, problem)
	}
	p.problems = nil
}

// run connects and reconnects until the publisher is stopped and each message has its reply.
func (p *Publisher) run(ctx context.Context) {
	for !p.finished() && ctx.Err() == nil {
		soon, cancel := context.WithTimeout(ctx, dialTimeout)
		client, err := publish.Dial(soon, p.URL)
		cancel()
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		p.mu.Lock()
		p.stats.Dials++
		p.mu.Unlock()
		p.talk(ctx, client)
		client.Close()
		// The client reports messages without a reply as errors. They must be sent first on
		// the next connection, so wait for all of these reports.
		for p.unanswered() > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// talk sends messages until the connection is closed or the publisher is finished.
func (p *Publisher) talk(ctx context.Context, client *publish.Client) {
	pace := time.NewTicker(max(p.Interval, time.Millisecond))
	defer pace.Stop()
	for sent := 0; ; {
		if number, first, ok := p.take(); ok {
			if err := p.send(ctx, client, number, first); err != nil {
				return
			}
			if sent++; p.Batch == 0 || sent < p.Batch {
				continue
			}
		}
		sent = 0
		// The batch is complete, or there is nothing to send now.
		if client.Ping(ctx) != nil || p.finished() {
			return
		}
		select {
		case <-pace.C:
		case <-p.stopped.Done():
			time.Sleep(time.Millisecond)
		case <-ctx.Done():
			return
		}
	}
}

// take returns the number of the next message to send, and whether it is sent for the first time.
// Messages that must be sent again come first.
func (p *Publisher) take() (number int, first, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.again) > 0:
		number, p.again = p.again[0], p.again[1:]
	case p.stopped.Err() == nil && p.next < p.Messages:
		number, first = p.next, true
		p.next++
	default:
		return 0, false, false
	}
	p.pending++
	return number, first, true
}

// send sends one message. After an error the connection must be closed.
func (p *Publisher) send(ctx context.Context, client *publish.Client, number int, first bool) error {
	data := fmt.Sprintf("%s %d", p.Name, number)
	if p.Padding > 0 {
		data += " " + strings.Repeat("x", p.Padding)
	}
	m := sse.Message{Namespace: p.Namespace, Event: p.Event, Data: []byte(data)}
	if p.Keyed {
		m.Key = fmt.Sprintf("%s:%d", p.Name, number)
	}
	p.Ledger.Send(data)
	reply := func(sequence uint64, err error) { p.reply(number, data, first, sequence, err) }
	err := client.PublishAsync(ctx, m, reply)
	if err != nil {
		reply(0, err)
	}
	return err
}

// reply records the result of a message.
func (p *Publisher) reply(number int, data string, first bool, sequence uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending--
	if err == nil {
		if p.Batch > 0 && first {
			if sequence <= p.last {
				p.problems = append(p.problems, fmt.Sprintf("%q was acknowledged as %d, but an earlier message as %d", data, sequence, p.last))
			}
			p.last = sequence
		}
		p.Ledger.Ack(data, sequence)
		return
	}
	switch refused, ok := errors.AsType[*publish.ReplyError](err); {
	case !ok:
		p.stats.Broken++
	case refused.Code == publish.CodeBusy:
		p.stats.Busy++
		p.stats.LastBusy = refused.Words
	default:
		p.problems = append(p.problems, fmt.Sprintf("%q: %v", data, err))
	}
	if p.Keyed {
		at, _ := slices.BinarySearch(p.again, number)
		p.again = slices.Insert(p.again, at, number)
	}
}

// finished reports whether the publisher is stopped and each message has its reply.
func (p *Publisher) finished() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped.Err() != nil && p.pending == 0 && len(p.again) == 0
}

func (p *Publisher) unanswered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending
}
