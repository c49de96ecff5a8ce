package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
)

// storeEpoch is the epoch of feeds that a Store fills. The numbers of such a feed have holes, which
// count as lost before the loops reach them.
const storeEpoch = "store"

// A feedModel is a feed with readers in place of loops. Each reader empties its mailbox at random
// times, and records everything that it has received.
type feedModel struct {
	feed    *feed
	history *sharedHistory
	readers []*feedReader
	limit   int // of each mailbox, in bytes
	running sync.WaitGroup
	ending  atomic.Bool // readers end when their mailbox is empty
}

// A feedReader stands for one loop.
type feedReader struct {
	model   *feedModel
	number  int
	random  *rand.Rand
	box     *mailbox
	endsAt  int // it ends after this many records; 0: it does not
	records []record
	window  window
}

func newFeedModel(t *testing.T, loops, limit int, w window) *feedModel {
	m := &feedModel{history: newSharedHistory(w, 1<<30, loops), limit: limit}
	m.feed = &feed{history: m.history}
	w.shared = m.history
	for number := range loops {
		r := &feedReader{model: m, number: number, random: rand.New(rand.NewPCG(uint64(number), 16)), box: testMailbox(t, limit), window: w}
		m.feed.add(r.box)
		m.readers = append(m.readers, r)
	}
	return m
}

// run reads until the model ends, or until the reader itself ends.
func (r *feedReader) run(t *testing.T) {
	var spare []byte
	for {
		switch r.random.IntN(100) {
		case 0:
			time.Sleep(time.Duration(r.random.IntN(3000)) * time.Microsecond) // a stall
		case 1, 2, 3, 4, 5:
			r.checkHistory(t)
		}
		ending := r.model.ending.Load()
		spare = r.box.swap(spare)
		r.receive(t, spare)
		switch {
		case r.endsAt > 0 && len(r.records) >= r.endsAt:
			r.box.close()
			r.model.history.delivered[r.number].end()
			return
		case len(spare) == 0 && ending:
			return
		case len(spare) == 0:
			runtime.Gosched()
		}
	}
}

// receive records the content of the mailbox, and checks its size.
func (r *feedReader) receive(t *testing.T, records []byte) {
	held := len(records)
	for len(records) > 0 {
		var next record
		before := held - len(records)
		next, records = nextRecord(records)
		if before > r.model.limit {
			t.Errorf("reader %d: a record was added to a mailbox that held %d bytes, with a limit of %d", r.number, before, r.model.limit)
		}
		next.namespace, next.frame = bytes.Clone(next.namespace), bytes.Clone(next.frame)
		r.records = append(r.records, next)
		if len(next.namespace) > 0 || next.frame[0] == controlSkip {
			r.window.newest = next.seq
		}
	}
	r.window.noteDelivered(r.number)
}

// checkHistory compares the history after a random number with the messages that the reader has
// received. The history must have each of them, or report it as lost. It must not have lost a
// message that the reader has yet to receive.
func (r *feedReader) checkHistory(t *testing.T) {
	w := &r.window
	defer w.release()
	if !w.acquire() {
		return // it has yet to receive the beginning of the epoch
	}
	after := w.newest - min(w.newest, uint64(r.random.IntN(30)))
	now := w.now(0)
	if dropped := w.kept.Lost([]string{"/"}, 0, now); dropped > w.newest && w.epoch != storeEpoch {
		t.Errorf("reader %d has received messages up to %d, but the history has dropped %d", r.number, w.newest, dropped)
	}
	complete := max(after, w.lostAfter([]string{"/"}, after, now))
	_, ends := w.kept.Read(nil, nil, []string{"/"}, complete, w.newest, 1<<30)
	var want, got []uint64
	for _, record := range r.records {
		if record.seq > complete && len(record.namespace) > 0 {
			want = append(want, record.seq)
		}
	}
	for _, end := range ends {
		got = append(got, end.Seq)
	}
	if !slices.Equal(got, want) {
		t.Errorf("reader %d: the history after %d has %v, want %v", r.number, complete, got, want)
	}
}

// start starts all readers.
func (m *feedModel) start(t *testing.T) {
	for _, r := range m.readers {
		m.running.Go(func() { r.run(t) })
	}
}

// finish waits until the readers have received everything, and compares them with each other. It
// returns what each of them has received. A reader that has ended early has the beginning of it.
func (m *feedModel) finish(t *testing.T) []record {
	t.Helper()
	m.ending.Store(true)
	m.running.Wait()
	all := m.readers[0].records
	for _, r := range m.readers[1:] {
		if len(r.records) > len(all) {
			all = r.records
		}
	}
	same := func(a, b record) bool {
		return a.seq == b.seq && bytes.Equal(a.namespace, b.namespace) && bytes.Equal(a.frame, b.frame)
	}
	for _, r := range m.readers {
		if r.endsAt == 0 && len(r.records) != len(all) || !slices.EqualFunc(r.records, all[:len(r.records)], same) {
			t.Errorf("reader %d has received %d records, which are not the %d of the others", r.number, len(r.records), len(all))
		}
	}
	return all
}

// accepted holds the messages that publishers have put in, by their numbers.
type accepted struct {
	mu      sync.Mutex
	data    map[uint64]string
	refused int // puts that their contexts have canceled
}

// publishAll publishes the messages of one publisher through the sink for another event loop, which
// collects them until it is flushed.
func (a *accepted) publishAll(t *testing.T, f *feed, publisher, messages int) {
	random := rand.New(rand.NewPCG(uint64(publisher), 21))
	sink := feedSink{f}
	defer sink.Flush()
	for i := range messages {
		data := fmt.Sprintf("%d %d %s", publisher, i, strings.Repeat("x", random.IntN(400)))
		seq, err := sink.Publish(fmt.Appendf(nil, "/%d", publisher), nil, []byte(data))
		if err != nil {
			t.Error(err)
		}
		a.mu.Lock()
		a.data[seq] = data
		a.mu.Unlock()
		if random.IntN(10) == 0 {
			sink.Flush()
		}
	}
}

// putAll puts the messages of one publisher in. Its contexts sometimes end before there is room; it
// then tries again with other data.
func (a *accepted) putAll(t *testing.T, f *feed, publisher, messages int) {
	random := rand.New(rand.NewPCG(uint64(publisher), 17))
	for i := range messages {
		for attempt := 0; ; attempt++ {
			data := fmt.Sprintf("%d %d %d %s", publisher, i, attempt, strings.Repeat("x", random.IntN(400)))
			if random.IntN(50) == 0 {
				data += strings.Repeat("y", 2000) // more than a mailbox holds
			}
			ctx, cancel := context.Background(), func() {}
			if random.IntN(2) == 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(200))*time.Microsecond)
			}
			seq, err := f.put(ctx, fmt.Appendf(nil, "/%d", publisher), nil, []byte(data))
			cancel()
			a.mu.Lock()
			if err == nil {
				a.data[seq] = data
			} else if a.refused++; !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			a.mu.Unlock()
			if err == nil {
				break
			}
		}
	}
}

// TestFeedAgainstModel lets publishers put messages into a feed with several mailboxes, while their
// readers stall at random. All readers must receive the same sequence, with the numbers that the
// feed has returned to the publishers. A reader that ends must not hold up the others.
func TestFeedAgainstModel(t *testing.T) {
	const publishers, limit = 4, 1000
	messages := testtool.Fewer(400)
	refused := 0 // in all models together: a short one may always have room in time
	for loops := 2; loops <= 5; loops++ {
		for _, ends := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d loops, one ends: %v", loops, ends), func(t *testing.T) {
				m := newFeedModel(t, loops, limit, newMemoryWindow([]HistoryRule{{Prefix: "/", Messages: 5}}, 1<<30))
				if ends {
					m.readers[loops-1].endsAt = messages
				}
				m.start(t)
				put := accepted{data: map[uint64]string{}}
				var all sync.WaitGroup
				for publisher := range publishers {
					all.Go(func() {
						if publisher == 0 {
							put.publishAll(t, m.feed, publisher, messages)
						} else {
							put.putAll(t, m.feed, publisher, messages)
						}
					})
				}
				all.Wait()
				got := m.finish(t)
				refused += put.refused
				if len(got) != publishers*messages {
					t.Fatalf("%d records were received, want %d", len(got), publishers*messages)
				}
				next := map[int]int{}
				for i, r := range got {
					id, frame, _ := strings.Cut(string(r.frame), "\n")
					if seq := uint64(i + 1); r.seq != seq || id != fmt.Sprintf("id:%s-%d", m.history.epoch, seq) || frame != "data:"+put.data[seq]+"\n\n" {
						t.Fatalf("record %d is %d %.60q, want %.40q", i, r.seq, r.frame, put.data[seq])
					}
					var publisher, number int
					fmt.Sscanf(frame, "data:%d %d ", &publisher, &number)
					if number != next[publisher] {
						t.Fatalf("publisher %d: got message %d, want %d", publisher, number, next[publisher])
					}
					next[publisher]++
				}
			})
		}
	}
	if refused == 0 {
		t.Error("no put was canceled while it waited for room")
	}
}

// TestFeedOfAStoreAgainstModel delivers numbered messages, repetitions, holes and control records.
// All readers must receive the same records: each message once, and every control record.
func TestFeedOfAStoreAgainstModel(t *testing.T) {
	messages := testtool.Fewer(2000)
	for loops := 2; loops <= 3; loops++ {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			m := newFeedModel(t, loops, 500, window{kept: keepAll(1 << 30)})
			sink := StoreSink{m.feed}
			var want []string
			do := func(seq uint64, what string, err error) {
				if err != nil {
					t.Error(err)
				}
				want = append(want, fmt.Sprint(seq, " ", what))
			}
			do(0, "b"+storeEpoch, sink.Begin(t.Context(), storeEpoch, 0))
			for _, r := range m.readers {
				r.window.epoch = storeEpoch
			}
			m.start(t)
			var trims sync.WaitGroup
			trims.Go(func() {
				for range messages / 20 {
					if err := sink.Trim(t.Context(), 1); err != nil {
						t.Error(err)
					}
					time.Sleep(10 * time.Microsecond)
				}
			})
			random := rand.New(rand.NewPCG(uint64(loops), 18))
			newest := uint64(1)
			do(1, "s", sink.Skip(t.Context(), 1))
			for seq := uint64(2); seq < uint64(messages); seq++ {
				switch random.IntN(12) {
				case 0:
					newest = seq
					do(seq, "s", sink.Skip(t.Context(), seq))
				case 1: // a hole
				case 2: // a repetition
					if err := sink.Deliver(t.Context(), newest, []byte("/repeated"), nil, nil); err != nil {
						t.Error(err)
					}
				default:
					newest = seq
					data := strings.Repeat("x", random.IntN(200))
					do(seq, fmt.Sprintf("id:%s-%d\ndata:%s\n\n", storeEpoch, seq, data), sink.Deliver(t.Context(), seq, []byte("/x"), nil, []byte(data)))
				}
			}
			trims.Wait()
			var got []string
			for _, r := range m.finish(t) {
				if r.frame[0] != controlTrim {
					got = append(got, fmt.Sprint(r.seq, " ", string(r.frame)))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d records were received, which are not the %d that were put in", len(got), len(want))
			}
		})
	}
}

// TestFeedBlocksAndCloses verifies that one full mailbox blocks the feed, that a canceled put
// reaches no mailbox, and that close ends all waiting puts.
func TestFeedBlocksAndCloses(t *testing.T) {
	m := newFeedModel(t, 3, 100, newMemoryWindow([]HistoryRule{{Prefix: "/", Messages: 5}}, 1<<30))
	big := bytes.Repeat([]byte("x"), 500)
	put := func(ctx context.Context) error {
		_, err := m.feed.put(ctx, []byte("/"), nil, big)
		return err
	}
	if err := put(t.Context()); err != nil {
		t.Fatal("empty mailboxes must accept a message larger than their limit:", err)
	}
	for _, r := range m.readers[1:] {
		r.receive(t, r.box.swap(nil))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := put(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put while the first mailbox is full: %v", err)
	}
	for _, r := range m.readers[1:] {
		if !r.box.empty() {
			t.Errorf("the canceled message is in mailbox %d", r.number)
		}
	}
	if kept := m.history.kept.Messages(); kept != 1 || m.feed.newest != 1 {
		t.Errorf("after a canceled put, %d messages are kept, and the newest is %d", kept, m.feed.newest)
	}
	const waiting = 5
	ended := make(chan error, waiting)
	for range waiting {
		go func() { ended <- put(t.Context()) }()
	}
	select {
	case err := <-ended:
		t.Errorf("put while the first mailbox is full: %v", err)
	case <-time.After(20 * time.Millisecond): // a put that does not wait would end in this time
	}
	m.feed.close()
	for range waiting {
		if err := <-ended; !errors.Is(err, publish.ErrBusy) {
			t.Errorf("a waiting put returned %v after close", err)
		}
	}
	if err := put(t.Context()); !errors.Is(err, publish.ErrBusy) {
		t.Errorf("put after close: %v", err)
	}
}
