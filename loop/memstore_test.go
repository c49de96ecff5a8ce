package loop_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// A memStore is a minimal ssed.Store: a list of messages in memory. It answers publishers on
// separate goroutines, unless the test holds the answers back.
type memStore struct {
	mu       sync.Mutex
	more     sync.Cond
	messages []sse.Message // the first has the number 1
	gone     map[uint64]bool
	waiting  []func()
	held     bool // answers to publishers are held back
	down     bool // reads fail
	quiet    bool // Newest is unknown
	fullAt   int
	reads    int
	ended    int // number of reads that have ended
	epoch    string
	slow     chan struct{} // reads wait until it is closed
}

func newMemStore() *memStore {
	h := &memStore{gone: map[uint64]bool{}, fullAt: 1 << 20, epoch: "store"}
	h.more.L = &h.mu
	return h
}

func (h *memStore) Submit(m ssed.PublishRequest, to ssed.Acker) {
	message := sse.Message{Namespace: string(m.Namespace), Event: string(m.Event), Key: string(m.Key), Data: slices.Clone(m.Data)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = append(h.waiting, func() {
		if string(message.Data) == "refuse me" {
			to.Ack(0, errors.New("the store refuses it"))
			return
		}
		h.messages = append(h.messages, message)
		to.Ack(uint64(len(h.messages)), nil)
		h.more.Broadcast()
	})
	if !h.held {
		go h.settle(len(h.waiting))
	}
}

// settle answers pending requests, in order.
func (h *memStore) settle(most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ; most > 0 && len(h.waiting) > 0 && !h.held; most-- {
		h.waiting[0]()
		h.waiting = h.waiting[1:]
	}
}

func (h *memStore) hold(held bool) {
	h.mu.Lock()
	h.held = held
	h.mu.Unlock()
	h.settle(1 << 30)
}

func (h *memStore) Full() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting) >= h.fullAt
}

func (h *memStore) Wait(ctx context.Context) error {
	for h.Full() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func (h *memStore) Newest() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.quiet {
		return 0
	}
	return uint64(len(h.messages))
}

var errDown = errors.New("the store is down")

func (h *memStore) Read(ctx context.Context, q ssed.Query) (p ssed.Part, err error) {
	h.mu.Lock()
	h.reads++
	slow := h.slow
	h.mu.Unlock()
	defer func() { h.set(func() { h.ended++ }) }() // after the mutex is unlocked
	if slow != nil {
		select {
		case <-slow:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		return p, errDown
	}
	p.After, p.Newest = q.After, uint64(len(h.messages))
	if q.Last > 0 {
		p.After = q.Newest
		for n := 0; p.After > 0 && n < q.Last; p.After-- {
			if covers(q.Set, h.messages[p.After-1].Namespace) {
				n++
			}
		}
	}
	for seq := p.After + 1; seq <= q.Until; seq++ {
		m := h.messages[seq-1]
		switch {
		case !covers(q.Set, m.Namespace):
		case h.gone[seq]:
			p.Lost = seq
		case len(p.Frames) >= q.BytesMax:
			return p, nil
		default:
			p.Frames = sse.AppendIDLine(p.Frames, sse.ID{Epoch: h.epoch, Seq: seq})
			p.Frames = sse.AppendFrame(p.Frames, []byte(m.Event), m.Data)
			p.Ends = append(p.Ends, sse.FrameEnd{Offset: len(p.Frames), Seq: seq})
		}
	}
	p.Last = true
	return p, nil
}

// message returns the message with a number.
func (h *memStore) message(seq uint64) sse.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.messages[seq-1]
}

func (h *memStore) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *memStore) readsSoFar() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reads
}

func (h *memStore) readsEnded() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}

func covers(set []string, ns string) bool {
	return slices.ContainsFunc(set, func(s string) bool { return s == "/" || ns == s || strings.HasPrefix(ns, s+"/") })
}

// deliver delivers the messages of the store after a number, as they arrive, until the end of the
// test.
func (h *memStore) deliver(t testing.TB, s *ssed.Server, after uint64) {
	ctx, cancel := context.WithCancel(context.Background())
	in := s.StoreSink()
	if err := errors.Join(in.Begin(ctx, "store", after), in.Live(ctx)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stats(ctx); err != nil { // the loop processes its mailbox before it answers
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for seq := after + 1; ; seq++ {
			h.mu.Lock()
			for uint64(len(h.messages)) < seq && ctx.Err() == nil {
				h.more.Wait()
			}
			if ctx.Err() != nil {
				h.mu.Unlock()
				return
			}
			m := h.messages[seq-1]
			h.mu.Unlock()
			if in.Deliver(ctx, seq, []byte(m.Namespace), []byte(m.Event), m.Data) != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); h.more.Broadcast(); <-done })
}

// serveStore runs a server that receives the messages that are published from now on.
func serveStore(t testing.TB, h *memStore, opts ssed.Options) *ssed.Server {
	t.Helper()
	opts.Store = h
	s := serve(t, opts)
	h.deliver(t, s, h.Newest())
	return s
}
