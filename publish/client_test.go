package publish

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/sse"
)

const patience = 30 * time.Second

// locked is a Sink that the connections of a test's server can use concurrently.
type locked struct {
	mu   sync.Mutex
	sink recorder
}

func (l *locked) Publish(namespace, event, data []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sink.Publish(namespace, event, data)
}

func (l *locked) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sink.PublishKeyed(key, namespace, event, data)
}

// serve speaks the protocol on a unix socket, one goroutine for each connection.
func serve(t *testing.T, cfg *Config, sink Sink) (url string) {
	return serveConns(t, func(conn net.Conn) {
		session, in := NewSession(cfg), make([]byte, 4096)
		for {
			n, err := conn.Read(in)
			replies, done := session.Feed(in[:n], sink, nil)
			conn.Write(replies)
			if err != nil || done {
				return
			}
		}
	})
}

// serveConns calls handle for every connection until the test ends.
func serveConns(t *testing.T, handle func(net.Conn)) (url string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer conn.Close(); handle(conn) })
		}
	})
	t.Cleanup(func() { ln.Close(); all.Wait() })
	return "unix://" + path
}

func dial(t *testing.T, url string, opts ...Option) *Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, err := Dial(ctx, url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestClientPublish(t *testing.T) {
	sink := &locked{}
	client := dial(t, serve(t, &open, sink))
	messages := []sse.Message{
		{Namespace: "/pets/dogs/", Event: "new-dog", Data: []byte("Corgi")},
		{Namespace: "/pets", Data: []byte("two\nlines\r")},
		{Namespace: "/", Event: "e"},
		{Namespace: "/", Data: []byte(" - ")},
	}
	for i, m := range messages {
		sequence, err := client.Publish(t.Context(), m)
		if sequence != uint64(i+1) || err != nil {
			t.Errorf("message %d: %d, %v", i+1, sequence, err)
		}
	}
	want := `["/pets/dogs|new-dog|Corgi" "/pets||two\nlines\r" "/|e|" "/|| - "]`
	if got := fmt.Sprintf("%q", sink.sink.got); got != want {
		t.Errorf("published %s, want %s", got, want)
	}
}

func TestClientRefusesLocally(t *testing.T) {
	sink := &locked{}
	client := dial(t, serve(t, &open, sink))
	tests := []struct {
		name string
		m    sse.Message
		want error
	}{
		{"namespace", sse.Message{Namespace: "pets"}, nsindex.ErrNamespace},
		{"namespace with a command in it", sse.Message{Namespace: "/a - x\nPUB /b"}, nsindex.ErrNamespace},
		{"event with a space", sse.Message{Namespace: "/", Event: "a b"}, sse.ErrEvent},
		{"event that means no event", sse.Message{Namespace: "/", Event: "-"}, sse.ErrEvent},
		{"event with a line break", sse.Message{Namespace: "/", Event: "a\nb"}, sse.ErrEvent},
		{"key with a command in it", sse.Message{Namespace: "/", Key: "a\nPUB / - x"}, sse.ErrKey},
		{"data that is no text", sse.Message{Namespace: "/", Data: []byte("\xff")}, sse.ErrUTF8},
	}
	for _, tt := range tests {
		if _, err := client.Publish(t.Context(), tt.m); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err := client.PublishAsync(t.Context(), tt.m, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s, async: %v", tt.name, err)
		}
	}
	if len(sink.sink.got) > 0 {
		t.Errorf("published %q", sink.sink.got)
	}
}

func TestClientIsRefused(t *testing.T) {
	client := dial(t, serve(t, &small, &locked{}))
	_, err := client.Publish(t.Context(), sse.Message{Namespace: "/", Data: []byte("123456789")})
	var refused *ReplyError
	if !errors.As(err, &refused) || refused.Code != CodeTooLong || refused.Words == "" {
		t.Errorf("Publish: %v", err)
	}
	if sequence, err := client.Publish(t.Context(), sse.Message{Namespace: "/"}); sequence != 1 || err != nil {
		t.Errorf("the next one: %d, %v", sequence, err)
	}
}

// TestClientManyGoroutines checks that each of many concurrent callers gets its own reply.
func TestClientManyGoroutines(t *testing.T) {
	const callers, each = 50, 200
	sink := &locked{}
	client := dial(t, serve(t, &open, sink))
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				own := fmt.Sprintf("%d-%d", caller, i)
				sequence, err := client.Publish(t.Context(), sse.Message{Namespace: "/", Data: []byte(own)})
				if err != nil {
					t.Errorf("Publish: %v", err)
					return
				}
				sink.mu.Lock()
				if got := sink.sink.got[sequence-1]; got != "/||"+own {
					t.Errorf("sequence %d is %q, want %q", sequence, got, own)
				}
				sink.mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(sink.sink.got) != callers*each {
		t.Errorf("published %d", len(sink.sink.got))
	}
}

// TestClientAsync sends many more messages than a client keeps in flight, and checks that every
// one is answered, in order.
func TestClientAsync(t *testing.T) {
	const count = 20 * awaitedMax
	client := dial(t, serve(t, &open, &locked{}))
	var got []uint64 // without a lock, because the answers come one after the other
	for i := range count {
		m := sse.Message{Namespace: "/", Data: []byte("x")}
		if i == 5 {
			m.Namespace = "/full"
		}
		err := client.PublishAsync(t.Context(), m, func(sequence uint64, err error) {
			if (err != nil) != (len(got) == 5) {
				t.Errorf("message %d: %v", len(got), err)
			}
			got = append(got, sequence)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != count || got[count-1] != count-1 || got[5] != 0 {
		t.Errorf("%d answers", len(got))
	}
}

// TestClientBackPressure checks that PublishAsync waits while a server does not answer, and that
// canceling the context ends this wait.
func TestClientBackPressure(t *testing.T) {
	mute := make(chan struct{})
	url := serveConns(t, func(conn net.Conn) {
		replies := bufio.NewScanner(conn)
		replies.Scan() // the PING of Dial
		fmt.Fprintln(conn, "PONG")
		<-mute
		for n := 1; replies.Scan(); n++ {
			fmt.Fprintf(conn, "OK %d\n", n)
		}
	})
	client := dial(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	var sent int
	answered := make(chan uint64, 2*awaitedMax)
	go func() {
		for full := false; !full; time.Sleep(time.Millisecond) {
			client.mu.Lock()
			full = !client.hasRoom()
			client.mu.Unlock()
		}
		cancel()
	}()
	for ; ; sent++ {
		m := sse.Message{Namespace: "/", Data: []byte(strings.Repeat("x", 4<<10))}
		err := client.PublishAsync(ctx, m, func(sequence uint64, err error) { answered <- sequence })
		if err != nil {
			if err != context.Canceled {
				t.Errorf("PublishAsync: %v", err)
			}
			break
		}
	}
	if sent > awaitedMax || sent < unwrittenBytesMax/(5<<10) {
		t.Errorf("%d commands were accepted", sent)
	}
	close(mute)
	if err := client.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if len(answered) != sent {
		t.Errorf("%d of %d were answered", len(answered), sent)
	}
}

// TestClientCancel checks that a client remains usable after a call was canceled before its reply.
func TestClientCancel(t *testing.T) {
	sink := &locked{}
	client := dial(t, serve(t, &open, sink))
	ctx, cancel := context.WithCancel(t.Context())
	sink.mu.Lock() // the server is slow
	errs := make(chan error)
	go func() {
		_, err := client.Publish(ctx, sse.Message{Namespace: "/"})
		errs <- err
	}()
	for waiting := false; !waiting; time.Sleep(time.Millisecond) {
		client.mu.Lock()
		waiting = len(client.awaited) == 1
		client.mu.Unlock()
	}
	cancel()
	if err := <-errs; err != context.Canceled {
		t.Errorf("Publish: %v", err)
	}
	sink.mu.Unlock()
	if sequence, err := client.Publish(t.Context(), sse.Message{Namespace: "/"}); sequence != 2 || err != nil {
		t.Errorf("the next one: %d, %v", sequence, err)
	}
	if _, err := client.Publish(ctx, sse.Message{Namespace: "/"}); err != context.Canceled {
		t.Errorf("Publish with a canceled context: %v", err)
	}
}

func TestClientToken(t *testing.T) {
	url := serve(t, &guarded, &locked{})
	client := dial(t, url, WithToken("pets"))
	if _, err := client.Publish(t.Context(), sse.Message{Namespace: "/pets"}); err != nil {
		t.Error(err)
	}
	for _, token := range []string{"wrong", "pets\nPING"} {
		_, err := Dial(t.Context(), url, WithToken(token))
		if err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("Dial: %v", err)
		}
	}
}

func TestDialFails(t *testing.T) {
	tests := []struct{ name, says, want string }{
		{"full", "ERR busy 9 publishers are connected\n", "busy: 9 publishers are connected"},
		{"another server", "HTTP/1.1 400 Bad Request\r\n\r\n", "expected ssed's line protocol"},
		{"gone", "", "connection to the server lost: EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url := serveConns(t, func(conn net.Conn) {
				io.WriteString(conn, tt.says)
				io.ReadFull(conn, make([]byte, len("PING\n")))
			})
			if _, err := Dial(t.Context(), url); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Dial: %v", err)
			}
		})
	}
	_, err := Dial(t.Context(), "unix:///nowhere/s")
	if fmt.Sprint(err) != "cannot connect to unix:///nowhere/s: no such file or directory" {
		t.Errorf("Dial: %v", err)
	}
}

// TestClientOfAFullServer checks that the unrequested ERR of a full server becomes the reply to the
// first command, however early it arrives.
func TestClientOfAFullServer(t *testing.T) {
	near, far := net.Pipe()
	client := newClient(near)
	defer client.Close()
	go func() {
		fmt.Fprintln(far, "ERR busy too many")
		io.Copy(io.Discard, far)
	}()
	for range 10_000 {
		runtime.Gosched() // the ERR arrives now if the reader is already running
	}
	var refused *ReplyError
	if err := client.Ping(t.Context()); !errors.As(err, &refused) || refused.Code != CodeBusy {
		t.Errorf("the answer is %v", err)
	}
}

// TestClientConnectionEnds checks that the call in progress and every later call return the reason.
func TestClientConnectionEnds(t *testing.T) {
	url := serveConns(t, func(conn net.Conn) {
		lines := bufio.NewScanner(conn)
		lines.Scan()
		fmt.Fprintln(conn, "PONG")
		lines.Scan() // a message; it is not answered
	})
	client := dial(t, url)
	for range 2 {
		_, err := client.Publish(t.Context(), sse.Message{Namespace: "/"})
		if err == nil || !strings.Contains(err.Error(), "connection to the server lost") {
			t.Errorf("Publish: %v", err)
		}
	}
}

func TestClientClose(t *testing.T) {
	sink := &locked{}
	client := dial(t, serve(t, &open, sink))
	answers := make(chan error, 1)
	sink.mu.Lock()
	err := client.PublishAsync(t.Context(), sse.Message{Namespace: "/"}, func(_ uint64, err error) { answers <- err })
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if err := <-answers; err != ErrClosed {
		t.Errorf("the answer is %v", err)
	}
	sink.mu.Unlock()
	if err := client.Ping(t.Context()); err != ErrClosed {
		t.Errorf("Ping: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}
