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

// dialTimeout bounds one attempt to connect; the publisher then tries again.
const dialTimeout = time.Second

// PublisherOptions say what a Publisher sends, and how fast.
type PublisherOptions struct {
	URL       string // of the publishers' side, such as Daemon.Publish[0]
	Name      string // begins the data of each message, before its number; empty: the namespace
	Namespace string
	Event     string
	Padding   int // bytes that make each message longer
	// Keyed gives each message a key. What is refused as busy, or loses its connection
	// before its reply, is then sent again until it is acknowledged. Without Keyed it is
	// sent once.
	Keyed bool
	// Messages is how many messages it sends, until a Burst.
	Messages int
	// Batch is how many messages it sends before it waits for their replies; 0: it never
	// waits. The sequences of what a publisher with batches sends for the first time must
	// rise.
	Batch int
	// Interval is the time between the beginnings of two batches, unless replies take
	// longer: a load that leaves a small machine room for what is tested.
	Interval time.Duration
}

// A Publisher sends numbered messages, pipelined, and notes in its Ledger what becomes of
// each. It connects again whenever its connection ends, so it survives a restart of the
// daemon.
type Publisher struct {
	Ledger *Ledger
	PublisherOptions

	stopped context.Context // nothing new is begun
	stop    context.CancelFunc
	done    chan struct{}

	mu       sync.Mutex
	next     int    // the first number that was not sent yet
	again    []int  // what is to be sent again, the oldest first
	pending  int    // messages without a reply
	last     uint64 // the newest sequence of a message that was sent once
	stats    PublisherStats
	problems []string
}

// PublisherStats count what a Publisher met with.
type PublisherStats struct {
	Busy     int    // replies ERR busy
	Broken   int    // messages whose connection ended before their reply
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

// WaitAcked waits until each publisher has so many more acknowledged messages than now.
func WaitAcked(t testing.TB, more int, publishers ...*Publisher) {
	t.Helper()
	waitAcked(t, more, func(*Publisher) {}, publishers)
}

// Burst lets each publisher send more messages than it has sent, and waits until so many
// of them are acknowledged.
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

// Stop has publishers begin nothing new, and returns their ledgers once each has a reply
// to all that it sent. Publishers with keys have an acknowledgment of each message then.
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
			t.Fatalf("%s does not end: %d messages have no reply: %+v", p.Name, p.unanswered(), p.Stats())
		}
		p.report(t)
		if sent, acked := p.Ledger.Counts(); p.Keyed && acked != sent {
			t.Errorf("%s: %d messages were sent with keys until they were stored, and %d are acknowledged", p.Name, sent, acked)
		}
		ledgers = append(ledgers, p.Ledger)
	}
	return ledgers
}

// report fails the test for problems, once.
func (p *Publisher) report(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		t.Errorf("%s: %s", p.Name, problem)
	}
	p.problems = nil
}

// run connects again and again, until it is stopped and everything has its reply.
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
		// What the connection leaves without a reply must be known before the next
		// begins: it is sent first there.
		for p.unanswered() > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// talk sends until the connection ends or the publisher is finished.
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
		// The batch is complete, or there is nothing to be sent now.
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

// take returns the next message to be sent, and whether it is sent for the first time.
// What is to be sent again comes first.
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

// send sends one message. An error ends the connection.
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

// reply notes what became of a message.
func (p *Publisher) reply(number int, data string, first bool, sequence uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending--
	if err == nil {
		if p.Batch > 0 && first {
			if sequence <= p.last {
				p.problems = append(p.problems, fmt.Sprintf("%q was acknowledged as %d, and one before it as %d", data, sequence, p.last))
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

// finished reports whether the publisher is stopped and has a reply to everything.
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
