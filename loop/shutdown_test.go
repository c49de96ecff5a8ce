package loop_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// TestShutdownBeforeServe verifies that Shutdown before Serve returns, and that Serve then fails.
func TestShutdownBeforeServe(t *testing.T) {
	s, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err == nil {
		t.Error("Serve succeeded after Shutdown")
	}
}

// TestShutdownDelivers verifies that accepted messages are delivered, even if they are more than
// the sockets accept.
func TestShutdownDelivers(t *testing.T) {
	s := serve(t, ssed.Options{})
	_, r := subscribe(t, s, "/subscribe/n")
	data := bytes.Repeat([]byte("x"), 100_000)
	const n = 100 // 10 MB, more than the sockets accept
	for range n {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: data})
	}
	ended := make(chan error)
	go func() { ended <- s.Shutdown(context.Background()) }()
	want := "data:" + string(data) + "\n\n"
	for range n {
		expect(t, r, want)
	}
	if rest, err := io.ReadAll(r); err != nil || !bytes.HasPrefix(rest, []byte("retry:")) {
		t.Errorf("after the last message, got %q, %v; want a reconnection time", rest, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestShutdownDoesNotWaitForever verifies that Shutdown returns when its context ends, although a
// subscriber does not read.
func TestShutdownDoesNotWaitForever(t *testing.T) {
	s := serve(t, ssed.Options{})
	subscribe(t, s, "/subscribe/n") // it never reads again
	for range 100 {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: bytes.Repeat([]byte("x"), 100_000)})
	}
	until(t, s, "the subscriber is stuck", func(s ssed.Stats) bool { return s.Blocked == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
}

// TestPublishersGetBusyDuringShutdown verifies that publishers get ERR busy while the server
// drains, so they know that their message was not published.
func TestPublishersGetBusyDuringShutdown(t *testing.T) {
	s := serve(t, ssed.Options{})
	stuck, _ := subscribe(t, s, "/subscribe/n")
	p := dial(t, s.PublishAddrs()[0])
	r := bufio.NewReader(p)
	for range 100 {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: bytes.Repeat([]byte("x"), 100_000)})
	}
	until(t, s, "the subscriber is stuck", func(s ssed.Stats) bool { return s.Blocked == 1 })
	ended := make(chan error)
	go func() { ended <- s.Shutdown(context.Background()) }()
	for deadline := time.Now().Add(patience); ; {
		fmt.Fprintln(p, "PUB /n - late")
		if got := line(t, r); strings.HasPrefix(got, "ERR busy ") {
			break
		} else if !strings.HasPrefix(got, "OK ") || time.Now().After(deadline) {
			t.Fatal(got)
		}
	}
	_, newcomer := subscribe(t, s, "/subscribe/n")
	if got, err := io.ReadAll(newcomer); err != nil || !strings.HasPrefix(string(got), "retry:") {
		t.Errorf("a new client gets %q, %v", got, err)
	}
	stuck.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestShutdownLosesNothingThatWasAccepted lets many goroutines publish while the server shuts down.
// Every message that Publish accepted must be delivered.
func TestShutdownLosesNothingThatWasAccepted(t *testing.T) {
	for range testtool.Fewer(40) {
		s := serve(t, ssed.Options{})
		_, r := subscribe(t, s, "/subscribe/n")
		delivered := make(chan int64, 1)
		go func() {
			got, err := io.ReadAll(r)
			if err != nil {
				t.Error(err)
			}
			delivered <- int64(bytes.Count(got, []byte("data:x\n\n")))
		}()
		var accepted atomic.Int64
		var publishers sync.WaitGroup
		for range 3 {
			publishers.Go(func() {
				for s.Publish(context.Background(), sse.Message{Namespace: "/n", Data: []byte("x")}) == nil {
					accepted.Add(1)
				}
			})
		}
		for accepted.Load() < 20 {
			runtime.Gosched()
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		publishers.Wait()
		if n := <-delivered; n != accepted.Load() {
			t.Fatalf("%d messages were accepted, %d delivered", accepted.Load(), n)
		}
	}
}

// TestShutdownServesOrClosesAll verifies that a client that connects to a unix socket during
// shutdown is either served or closed, but does not hang.
func TestShutdownServesOrClosesAll(t *testing.T) {
	for range 20 {
		path := t.TempDir() + "/s"
		s := serve(t, ssed.Options{Listen: []string{"unix://" + path, "127.0.0.1:0"}})
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for {
					c, err := net.Dial("unix", path)
					if err != nil {
						return
					}
					c.SetDeadline(time.Now().Add(patience))
					io.WriteString(c, "HEAD /subscribe/x HTTP/1.1\r\nHost: x\r\n\r\n")
					if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("a client hangs")
					}
					c.Close()
				}
			})
		}
		time.Sleep(time.Millisecond)
		if err := s.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		clients.Wait()
	}
}

// TestShutdownSpreadsDisconnections verifies that subscribers are disconnected one by one, each
// with a different reconnection time, and that clients that connect during the drain get a
// reconnection time, too.
func TestShutdownSpreadsDisconnections(t *testing.T) {
	t.Parallel()
	const drain, subscribers = time.Second, 50
	s := serve(t, ssed.Options{Drain: drain})
	type ending struct {
		after time.Duration
		text  string
	}
	endings := make(chan ending, subscribers)
	var begin time.Time
	began := make(chan struct{})
	for range subscribers {
		_, r := subscribe(t, s, "/subscribe/n")
		go func() {
			rest, _ := io.ReadAll(r)
			<-began
			endings <- ending{time.Since(begin), string(rest)}
		}()
	}
	publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte("last")})
	begin = time.Now()
	close(began)
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	late := dial(t, s.ListenAddrs()[0])
	until(t, s, "the first subscriber is disconnected", func(s ssed.Stats) bool { return s.Subscribers < subscribers })
	io.WriteString(late, "GET /subscribe/n HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer, _ := io.ReadAll(late); !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) || !bytes.Contains(answer, []byte("\r\n\r\nretry:")) {
		t.Errorf("a new client gets %q", answer)
	}
	times, first, last := map[string]bool{}, drain*10, time.Duration(0)
	for range subscribers {
		f := <-endings
		retry, ok := strings.CutPrefix(f.text, "data:last\n\nretry:")
		if !ok {
			t.Errorf("a subscriber got %q", f.text)
		}
		times[retry] = true
		first, last = min(first, f.after), max(last, f.after)
	}
	if len(times) < subscribers/2 {
		t.Errorf("the reconnection times have only %d different values", len(times))
	}
	if last-first < drain/4 {
		t.Errorf("all were disconnected within %v, the first after %v", last-first, first)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestCallsAfterShutdown verifies that any number of calls after Shutdown return ErrStopped, not
// ErrBusy.
func TestCallsAfterShutdown(t *testing.T) {
	s := serve(t, ssed.Options{Drain: -1})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	for n := range 2000 {
		if _, err := s.Stats(context.Background()); !errors.Is(err, ssed.ErrStopped) {
			t.Fatalf("call %d: %v", n+1, err)
		}
	}
}

// TestHooksOfAServerThatCannotListen verifies that Serve returns an error and does not wait for
// hooks.
func TestHooksOfAServerThatCannotListen(t *testing.T) {
	var b book
	other := serve(t, ssed.Options{})
	s, err := ssed.New(b.keep(ssed.Options{Listen: []string{other.ListenAddrs()[0].String()}}))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	select {
	case err := <-served:
		if err == nil {
			t.Error("Serve succeeded on the address of another server")
		}
	case <-time.After(patience):
		t.Error("Serve waits for hooks that were never called")
	}
}
