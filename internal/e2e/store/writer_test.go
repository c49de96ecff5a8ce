package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A writer publishes as fast as it is let, without waiting for answers, and dials
// again when its connection ends. With keys it repeats what was not stored, or may
// not have been, until it is told OK; without it leaves that be and goes on.
type writer struct {
	namespace string
	keyed     bool
	gone      context.Context // once it ends nothing new is begun

	mu        sync.Mutex
	next      int            // the first number that was not sent yet
	allowed   int            // up to which number it may begin
	again     []int          // what is to be repeated, the oldest first
	under     int            // how many are under way
	answered  map[int]uint64 // number of the message: its sequence
	broken    int            // messages whose connection ended before their answer
	busyTimes int            // messages that were answered ERR busy
	lastBusy  string
	problems  []string
}

// A crew is all writers of a test.
type crew struct {
	writers []*writer
	stop    context.CancelFunc
	running sync.WaitGroup
}

// endless is more messages than are sent.
const endless = 1 << 30

// write starts writers, each in a namespace of its own below "/", for so many messages
// each. Half of them use keys.
func write(t *testing.T, url string, writers, messages int) *crew {
	t.Helper()
	c := &crew{}
	gone, stop := context.WithCancel(context.Background())
	c.stop = stop
	for i := range writers {
		w := &writer{namespace: fmt.Sprintf("/w%d", i), keyed: i%2 == 1, gone: gone, allowed: messages, answered: map[int]uint64{}}
		c.writers = append(c.writers, w)
		c.running.Go(func() { w.run(url) })
	}
	t.Cleanup(func() { c.end(t) })
	return c
}

// end has the writers stop once all that is to be answered is.
func (c *crew) end(t *testing.T) {
	t.Helper()
	c.stop()
	c.running.Wait()
	for _, w := range c.writers {
		for _, problem := range w.problems {
			t.Errorf("%s: %s", w.namespace, problem)
		}
		w.problems = nil
	}
}

// burst lets each writer send some more messages, and waits until some are stored.
func (c *crew) burst(t *testing.T, messages, stored int) {
	t.Helper()
	c.wait(t, stored, func() {
		for _, w := range c.writers {
			w.mu.Lock()
			w.allowed = w.next + messages
			w.mu.Unlock()
		}
	})
}

// waitForAnswers waits until each writer has so many more messages stored.
func (c *crew) waitForAnswers(t *testing.T, more int) {
	t.Helper()
	c.wait(t, more, func() {})
}

func (c *crew) wait(t *testing.T, more int, begin func()) {
	t.Helper()
	from := make([]int, len(c.writers))
	for i, w := range c.writers {
		from[i] = w.stored()
	}
	begin()
	for i, w := range c.writers {
		testtool.WaitFor(t, "the answers to "+w.namespace, func() bool { return w.stored() >= from[i]+more })
	}
}

// busy is how many answers were ERR busy.
func (c *crew) busy() (n int) {
	for _, w := range c.writers {
		n += w.busies()
	}
	return n
}

func (w *writer) busies() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busyTimes
}

func (w *writer) stored() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.answered)
}

// run ends when all is done, or a while after it should be.
func (w *writer) run(url string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	context.AfterFunc(w.gone, func() { time.AfterFunc(testtool.Patience, cancel) })
	for !w.finished() {
		client, err := publish.Dial(ctx, url)
		if ctx.Err() != nil {
			w.problem("it cannot finish: %v", err)
			return
		}
		if err == nil {
			w.talk(ctx, client)
			client.Close()
		}
		// What the connection leaves unanswered must be known before the next: it
		// comes first there.
		for w.underWay() > 0 || err != nil && w.gone.Err() == nil && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
			err = nil
		}
	}
}

func (w *writer) underWay() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.under
}

// talk sends until the connection ends, or all is done.
func (w *writer) talk(ctx context.Context, client *publish.Client) {
	for {
		number, ok := w.take()
		if !ok {
			if client.Ping(ctx) != nil || w.finished() {
				return
			}
			time.Sleep(time.Millisecond) // it has sent what it may
			continue
		}
		m := sse.Message{Namespace: w.namespace, Event: "n", Data: w.data(number)}
		if w.keyed {
			m.Key = fmt.Sprintf("%s:%d", w.namespace, number)
		}
		if err := client.PublishAsync(ctx, m, func(seq uint64, err error) { w.answer(number, seq, err) }); err != nil {
			w.answer(number, 0, err)
			return
		}
	}
}

// data tells which message it is, of all.
func (w *writer) data(number int) []byte { return fmt.Appendf(nil, "%s %d", w.namespace, number) }

// take is the next to be sent: what is to be repeated goes first.
func (w *writer) take() (number int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.again) > 0:
		number, w.again = w.again[0], w.again[1:]
	case w.gone.Err() == nil && w.next < w.allowed:
		number = w.next
		w.next++
	default:
		return 0, false
	}
	w.under++
	return number, true
}

// finished tells whether nothing is left to be sent or answered.
func (w *writer) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone.Err() != nil && w.under == 0 && len(w.again) == 0
}

// answer notes what became of a message.
func (w *writer) answer(number int, seq uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.under--
	if err == nil {
		w.answered[number] = seq
		return
	}
	var refused *publish.ReplyError
	switch {
	case !errors.As(err, &refused):
		w.broken++
	case refused.Code == publish.CodeBusy:
		w.busyTimes++
		w.lastBusy = refused.Words
	default:
		w.problems = append(w.problems, fmt.Sprintf("message %d: %v", number, err))
	}
	if w.keyed {
		place, _ := slices.BinarySearch(w.again, number)
		w.again = slices.Insert(w.again, place, number)
	}
}

func (w *writer) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// check wants of messages that rise in their ids: all that were answered OK, each
// with the number that the writer was told, none twice, and nothing else but what
// was sent. With ordered each writer's messages come in its order.
func (c *crew) check(t *testing.T, got []message, ordered bool) {
	t.Helper()
	have := numbered(t, got, ordered)
	for _, w := range c.writers {
		missing, example := 0, ""
		for number, seq := range w.answered {
			data := string(w.data(number))
			if have[data] != seq {
				missing++
				example = fmt.Sprintf("%q was answered OK %d, and came as %d", data, seq, have[data])
			}
			delete(have, data)
		}
		if missing > 0 {
			t.Errorf("%s: %d of %d messages that were answered OK are not there, or with another number: %s", w.namespace, missing, len(w.answered), example)
		}
		if w.keyed && len(w.answered) != w.next {
			t.Errorf("%s: %d messages were sent, with keys until they were stored, and %d are", w.namespace, w.next, len(w.answered))
		}
		for number := range w.next {
			delete(have, string(w.data(number)))
		}
	}
	for data := range have {
		t.Errorf("%q came, and nobody sent it", data)
	}
}

// numbered wants messages in order, each once, and returns their numbers.
func numbered(t *testing.T, got []message, ordered bool) map[string]uint64 {
	t.Helper()
	have, last := map[string]uint64{}, map[string]int{}
	for i, m := range got {
		var name string
		var number int
		if !scan(m.data, "%s %d", &name, &number) {
			t.Fatalf("message %d is %+v", i, m)
		}
		if i > 0 && (m.id.Epoch != got[i-1].id.Epoch || m.id.Seq <= got[i-1].id.Seq) {
			t.Fatalf("%v came behind %v", m, got[i-1])
		}
		if seq, twice := have[m.data]; twice {
			t.Fatalf("%v is there twice, it was %d before", m, seq)
		}
		if before, seen := last[name]; ordered && seen && before >= number {
			t.Fatalf("%v came behind number %d", m, before)
		}
		have[m.data], last[name] = m.id.Seq, number
	}
	return have
}
