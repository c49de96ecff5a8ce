package loop_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/sse"
)

// asBrowser returns a request to subscribe as an EventSource sends it.
func asBrowser(method, target string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
}

// firstRead sends a request on a new connection and returns the body of the first read, which
// contains everything that the server has written immediately.
func firstRead(t *testing.T, s *ssed.Server, request string) (body string, r *bufio.Reader) {
	t.Helper()
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, request)
	buf := make([]byte, 64<<10)
	n, err := c.Read(buf)
	head, body, ended := strings.Cut(string(buf[:n]), "\r\n\r\n")
	if err != nil || !ended || !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Fatalf("%q: got %q, %v", request, buf[:n], err)
	}
	return body, bufio.NewReader(c)
}

// retryOf returns the time of a body that consists of a "retry:" field and the given end.
func retryOf(t *testing.T, body, end string) time.Duration {
	t.Helper()
	var ms int
	if n, _ := fmt.Sscanf(body, "retry:%d", &ms); n != 1 || body != fmt.Sprintf("retry:%d%s", ms, end) {
		t.Fatalf("got %q, want a reconnection time", body)
	}
	return time.Duration(ms) * time.Millisecond
}

// TestOpening verifies that a browser gets the first byte of the body in the same write as the
// head, and that other clients get the same bytes as from mroth/sseserver.
func TestOpening(t *testing.T) {
	s := serve(t, ssed.Options{})
	deciding := serve(t, ssed.Options{Authorize: func(context.Context, *ssed.Request) error { return nil }})
	silent := serve(t, ssed.Options{NoRetry: true})
	const plain = "GET /subscribe/n HTTP/1.1\r\nHost: x\r\n"
	for _, tt := range []struct {
		name    string
		server  *ssed.Server
		request string
		want    string // "retry": a reconnection time
	}{
		{"an EventSource", s, asBrowser("GET", "/subscribe/n"), "retry"},
		{"fetch", s, plain + "Accept: */*\r\nSec-Fetch-Mode: cors\r\n", "retry"},
		{"after Authorize", deciding, asBrowser("GET", "/subscribe/n"), "retry"},
		{"curl, after Authorize", deciding, plain, ""},
		{"curl", s, plain + "Accept: */*\r\n", ""},
		{"no Accept", s, plain, ""},
		{"HTTP/1.0", s, "GET /subscribe/n HTTP/1.0\r\nAccept: text/event-stream\r\n", "retry"},
		{"switched off", silent, asBrowser("GET", "/subscribe/n"), sse.Keepalive},
		{"switched off, curl", silent, plain, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, r := firstRead(t, tt.server, tt.request+"\r\n")
			if tt.want == "retry" {
				if after := retryOf(t, body, "\n"); after < ssed.DefaultRetryMin || after > ssed.DefaultRetryMax {
					t.Errorf("the reconnection time is %v", after)
				}
			} else if body != tt.want {
				t.Errorf("the stream begins with %q, want %q", body, tt.want)
			}
			publishAll(t, tt.server, sse.Message{Namespace: "/n", Data: []byte("x")})
			expect(t, r, "data:x\n\n")
		})
	}
	head, body := answer(t, s, asBrowser("HEAD", "/subscribe/n")+"\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 200 ") || body != "" {
		t.Errorf("HEAD: %q %q", head, body)
	}
}

// TestOpeningComesFirst verifies that the opening precedes a gap event and replayed messages.
func TestOpeningComesFirst(t *testing.T) {
	s := serve(t, ssed.Options{History: []ssed.HistoryRule{{Prefix: "/", Messages: 2}}, RetryMin: time.Second, RetryMax: time.Second})
	for i := range 4 {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: fmt.Append(nil, i)})
	}
	until(t, s, "all messages are kept", func(s ssed.Stats) bool { return s.Published == 4 })
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, asBrowser("GET", "/subscribe/n?last_event_id=nonsense&last=2")+"\r\n")
	r := bufio.NewReader(c)
	readHead(t, r)
	expect(t, r, "retry:1000\nevent:gap\n")
	line(t, r)
	expect(t, r, "\nid:")
	line(t, r)
	expect(t, r, "data:2\n\nid:")
}

// TestRetryTimeIsRandom verifies that each client gets a different random time between the
// configured bounds, at the beginning of a stream, in a refusal and at the end of a drain.
func TestRetryTimeIsRandom(t *testing.T) {
	shortest, longest := 20*time.Second, 21*time.Second
	s := serve(t, ssed.Options{RetryMin: shortest, RetryMax: longest, ConnsMax: 20})
	drawn := map[time.Duration]bool{}
	note := func(after time.Duration) {
		t.Helper()
		if after < shortest || after > longest {
			t.Errorf("a reconnection time of %v", after)
		}
		drawn[after] = true
	}
	var streams []*bufio.Reader
	for range 20 {
		body, r := firstRead(t, s, asBrowser("GET", "/subscribe/n")+"\r\n")
		note(retryOf(t, body, "\n"))
		streams = append(streams, r)
	}
	for range 20 { // a client without a place, browser or not, gets it once
		_, body := answer(t, s, asBrowser("GET", "/subscribe/n")+"\r\n")
		note(retryOf(t, body, "\n\n"))
		_, body = answer(t, s, "GET /subscribe/n HTTP/1.1\r\nHost: x\r\n\r\n")
		note(retryOf(t, body, "\n\n"))
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	for _, r := range streams {
		body, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		note(retryOf(t, string(body), "\n\n"))
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(drawn) < 40 { // 80 drawn times, out of 1,001 possible milliseconds
		t.Errorf("only %d different times", len(drawn))
	}
}

// TestRetryOptions verifies that a missing bound gets its default, or the value of the other bound.
func TestRetryOptions(t *testing.T) {
	for _, tt := range []struct {
		shortest, longest time.Duration
		from, to          time.Duration // bounds of the times in refusals; 0: invalid options
	}{
		{0, 0, ssed.DefaultRetryMin, ssed.DefaultRetryMax},
		{time.Minute, 0, time.Minute, time.Minute},
		{0, 300 * time.Millisecond, 300 * time.Millisecond, 300 * time.Millisecond},
		{100 * time.Millisecond, time.Hour, 100 * time.Millisecond, time.Hour},
		{3 * time.Second, 2 * time.Second, 0, 0},
		{99 * time.Millisecond, 0, 0, 0},
		{0, time.Hour + 1, 0, 0},
		{-time.Second, 0, 0, 0},
	} {
		opts := ssed.Options{Listen: []string{"127.0.0.1:0"}, RetryMin: tt.shortest, RetryMax: tt.longest, NoRetry: true, Authorize: func(context.Context, *ssed.Request) error { return ssed.ErrRetryLater }}
		if tt.to == 0 {
			if _, err := ssed.New(opts); err == nil || !strings.Contains(err.Error(), "RetryM") {
				t.Errorf("%v to %v: %v", tt.shortest, tt.longest, err)
			}
			continue
		}
		_, body := answer(t, serve(t, opts), asBrowser("GET", "/subscribe/n")+"\r\n")
		if after := retryOf(t, body, "\n\n"); after < tt.from || after > tt.to {
			t.Errorf("%v to %v: %v", tt.shortest, tt.longest, after)
		}
	}
}
