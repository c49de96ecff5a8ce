package loop_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A loopBlocker blocks one event loop inside Options.Unfit.
type loopBlocker struct {
	blocked  chan struct{} // a value is sent when the loop blocks
	released chan struct{}
	release  func() // lets the loop continue
}

func newLoopBlocker() *loopBlocker {
	b := &loopBlocker{blocked: make(chan struct{}, 1), released: make(chan struct{})}
	b.release = sync.OnceFunc(func() { close(b.released) })
	return b
}

func (b *loopBlocker) unfit() string {
	select {
	case b.blocked <- struct{}{}:
		<-b.released
	default: // only the first request blocks
	}
	return ""
}

// block blocks one loop of the server until release is called, and returns its number.
func (b *loopBlocker) block(t *testing.T, s *ssed.Server) (number int) {
	t.Helper()
	t.Cleanup(b.release) // before the server's shutdown
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	for deadline := time.Now().Add(patience); len(b.blocked) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no loop is blocked")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Stats(ctx)
	if _, failed := fmt.Sscanf(fmt.Sprint(err), "event loop %d:", &number); failed != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Stats while a loop is blocked: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Subscribers(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), fmt.Sprint("event loop ", number)) {
		t.Fatalf("Subscribers while a loop is blocked: %v", err)
	}
	return number
}

// subscribeOn opens streams until one is on the loop with the given number.
func subscribeOn(t *testing.T, s *ssed.Server, number int, open func() (net.Conn, *bufio.Reader)) (net.Conn, *bufio.Reader) {
	t.Helper()
	for range 1000 {
		c, r := open()
		conns, err := s.Subscribers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range conns {
			if of.Loop == number && of.Peer.String() == c.LocalAddr().String() {
				return c, r
			}
		}
		c.Close()
	}
	t.Fatalf("no connection has reached loop %d", number)
	return nil, nil
}

// onEachLoop opens one stream on each loop.
func onEachLoop(t *testing.T, s *ssed.Server, loops int, target string) (readers []*bufio.Reader) {
	t.Helper()
	for number := range loops {
		_, r := subscribeOn(t, s, number, func() (net.Conn, *bufio.Reader) { return subscribe(t, s, target) })
		readers = append(readers, r)
	}
	until(t, s, "only these subscribers are left", func(st ssed.Stats) bool { return st.Subscribers == loops })
	return readers
}

// TestBlockedLoopBlocksPublishers blocks one of two loops. Publishers must wait once its mailbox is
// full. The subscriber on the other loop must get everything up to there. When the loop continues,
// both must get everything once and in order, except for messages with canceled contexts.
func TestBlockedLoopBlocksPublishers(t *testing.T) {
	const messages, size, limit = 500, 100, 4 << 10
	b := newLoopBlocker()
	s := serve(t, ssed.Options{Loops: 2, MailboxBytesMax: limit, Unfit: b.unfit, History: keepAll})
	readers := onEachLoop(t, s, 2, "/subscribe/n")
	stuck := b.block(t, s)
	data := func(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("x", size)) }
	i := 0
	for ; ; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := s.Publish(ctx, sse.Message{Namespace: "/n", Data: []byte(data(i))})
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil || i*size > 2*limit {
			t.Fatalf("message %d was accepted: %v", i, err)
		}
	}
	if i*size < limit/2 {
		t.Errorf("only %d messages of %d bytes were accepted, with a mailbox of %d bytes", i, size, limit)
	}
	for n := range i {
		if e := nextEvent(t, readers[1-stuck]); e.data != data(n) {
			t.Fatalf("while loop %d is blocked, the other one delivers %+v, want message %d", stuck, e, n)
		}
	}
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for n := i; n < messages; n++ {
			if err := s.Publish(t.Context(), sse.Message{Namespace: "/n", Data: []byte(data(n))}); err != nil {
				t.Error(err)
			}
		}
	})
	b.release()
	for n := range messages {
		if e := nextEvent(t, readers[stuck]); e.data != data(n) {
			t.Fatalf("the loop that was blocked delivers %+v, want message %d", e, n)
		}
	}
	for n := i; n < messages; n++ {
		if e := nextEvent(t, readers[1-stuck]); e.data != data(n) {
			t.Fatalf("the other loop delivers %+v, want message %d", e, n)
		}
	}
	publisher.Wait()
	until(t, s, "all is published", func(st ssed.Stats) bool { return st.Newest == messages && st.Published == messages })
}

// TestBlockedLoopBlocksTheStore is the same for messages of a Store.
func TestBlockedLoopBlocksTheStore(t *testing.T) {
	const messages, limit = 500, 4 << 10
	b := newLoopBlocker()
	h := newMemStore()
	fill(h, "/n", strings.Repeat("x", 100), messages)
	s, in := began(t, h, ssed.Options{Loops: 3, MailboxBytesMax: limit, Unfit: b.unfit}, 0)
	readers := onEachLoop(t, s, 3, "/subscribe/n")
	stuck := b.block(t, s)
	deliver := func(ctx context.Context, seq uint64) error {
		m := h.message(seq)
		return in.Deliver(ctx, seq, []byte(m.Namespace), nil, m.Data)
	}
	seq := uint64(1)
	for ; ; seq++ {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := deliver(ctx, seq)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil || seq > 2*limit/100 {
			t.Fatalf("message %d was accepted: %v", seq, err)
		}
	}
	b.release()
	for ; seq <= messages; seq++ {
		if err := deliver(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	for number, r := range readers {
		if id := expectData(t, r, dataOf(strings.Repeat("x", 100), 1, messages)...); seqOf(t, id) != messages {
			t.Errorf("loop %d (blocked: %d) ends with the id %s", number, stuck, id)
		}
	}
}

// TestShutdownWithBlockedLoop verifies that a shutdown waits for a blocked loop, and that the
// subscribers of all loops still get every accepted message.
func TestShutdownWithBlockedLoop(t *testing.T) {
	b := newLoopBlocker()
	s := serve(t, ssed.Options{Loops: 2, Unfit: b.unfit})
	readers := onEachLoop(t, s, 2, "/subscribe/n")
	stuck := b.block(t, s)
	publishTo(t, s, "/n", "last words")
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	rest, err := io.ReadAll(readers[1-stuck])
	if err != nil || !strings.HasPrefix(string(rest), "data:last words\n\nretry:") {
		t.Errorf("the other loop's subscriber gets %q, %v", rest, err)
	}
	select {
	case err := <-ended:
		t.Errorf("Shutdown does not wait for the blocked loop: %v", err)
	default:
	}
	b.release()
	rest, err = io.ReadAll(readers[stuck])
	if err != nil || !strings.HasPrefix(string(rest), "data:last words\n\nretry:") {
		t.Errorf("the subscriber of the loop that was blocked gets %q, %v", rest, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestShutdownTimeoutWithBlockedLoop verifies that the other loops close their connections when the
// context of a shutdown ends, although one loop is blocked and a subscriber does not read.
func TestShutdownTimeoutWithBlockedLoop(t *testing.T) {
	b := newLoopBlocker()
	s := serve(t, ssed.Options{Loops: 2, Unfit: b.unfit, Drain: time.Hour})
	readers := onEachLoop(t, s, 2, "/subscribe/n")
	stuck := b.block(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(ctx) }()
	if rest, err := io.ReadAll(readers[1-stuck]); len(rest) > 0 || err != nil {
		t.Errorf("the other loop's subscriber gets %q, %v", rest, err)
	}
	if ctx.Err() == nil {
		t.Error("the connections were closed before the context has ended")
	}
	b.release()
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if rest, err := io.ReadAll(readers[stuck]); len(rest) > 0 || err != nil {
		t.Errorf("the subscriber of the loop that was blocked gets %q, %v", rest, err)
	}
}

// TestShutdownAnswersWhileAnyLoopDrains verifies that clients of all loops and of unix sockets get
// a reconnection time for as long as one loop has subscribers that do not read.
func TestShutdownAnswersWhileAnyLoopDrains(t *testing.T) {
	path := t.TempDir() + "/s"
	s := serve(t, ssed.Options{Loops: 2, SendBufferBytes: 8 << 10, Listen: []string{"127.0.0.1:0", "unix://" + path}})
	slow, _ := thinOn(t, s, 0, "/subscribe/n")
	until(t, s, "only this subscriber is left", func(st ssed.Stats) bool { return st.Subscribers == 1 })
	for range 3 {
		publishTo(t, s, "/n", strings.Repeat("x", 1<<20))
	}
	until(t, s, "the subscriber is blocked", func(st ssed.Stats) bool { return st.Blocked == 1 })
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	until(t, s, "both loops are stopping", func(ssed.Stats) bool {
		each, err := s.LoopStats(t.Context())
		return err == nil && each[0].Stopping && each[1].Stopping
	})
	for range 20 {
		for _, addr := range s.ListenAddrs() {
			c := dial(t, addr)
			io.WriteString(c, plainGet)
			if answer, err := io.ReadAll(c); !strings.Contains(string(answer), "\r\n\r\nretry:") {
				t.Fatalf("a client of %v gets %q, %v", addr, answer, err)
			}
		}
	}
	slow.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestStoreSinkAfterShutdown verifies that a Store cannot deliver to a server that has stopped.
func TestStoreSinkAfterShutdown(t *testing.T) {
	for loops := 1; loops <= 2; loops++ {
		s, in := began(t, newMemStore(), ssed.Options{Loops: loops}, 0)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := in.Deliver(t.Context(), 1, []byte("/x"), nil, nil); !errors.Is(err, publish.ErrBusy) {
			t.Errorf("%d loops: Deliver after Shutdown: %v", loops, err)
		}
	}
}

// TestDisconnectWhileALoopIsBlocked verifies that Disconnect reports a subscriber that it has
// found, although another loop does not answer. For an unknown subscriber, the error names that
// loop.
func TestDisconnectWhileALoopIsBlocked(t *testing.T) {
	b := newLoopBlocker()
	s := serve(t, ssed.Options{Loops: 2, Unfit: b.unfit})
	readers := onEachLoop(t, s, 2, "/subscribe/n")
	conns, err := s.Subscribers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stuck := b.block(t, s)
	disconnect := func(id ssed.ConnID) (bool, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return s.Disconnect(ctx, id)
	}
	for _, c := range conns {
		if c.Loop == stuck {
			continue
		}
		if found, err := disconnect(c.ID); !found || err != nil {
			t.Errorf("Disconnect on the loop that answers: %v, %v", found, err)
		}
		if _, err := readers[c.Loop].ReadByte(); err != io.EOF {
			t.Errorf("the subscriber reads %v, want its end", err)
		}
	}
	if found, err := disconnect(1 << 40); found || !strings.Contains(fmt.Sprint(err), fmt.Sprint("event loop ", stuck)) {
		t.Errorf("Disconnect of an unknown subscriber: %v, %v", found, err)
	}
}
