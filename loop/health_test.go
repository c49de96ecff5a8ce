package loop_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/auth"
)

// health sends a request and returns the answer and its body.
func health(t *testing.T, s *ssed.Server, method, request string) (res *http.Response, body string) {
	t.Helper()
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, request)
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return res, string(text)
}

// TestHealth checks the answers of /healthz to several requests.
func TestHealth(t *testing.T) {
	tokens, err := auth.ParseTable([]string{"any-right-token"})
	if err != nil {
		t.Fatal(err)
	}
	var words atomic.Pointer[string]
	set := func(text string) { words.Store(&text) }
	s := serve(t, ssed.Options{Tokens: tokens, CORSOrigins: []string{"https://example.org"}, Unfit: func() string { return *words.Load() }})
	for _, tt := range []struct {
		name, unfit, method, target, fields string
		status                              int
		body                                string
	}{
		{"fit, without a token", "", "GET", "/healthz", "", 200, "serving\n"},
		{"with a query", "", "GET", "/healthz?full=1", "", 200, "serving\n"},
		{"HEAD", "", "HEAD", "/healthz", "", 200, ""},
		{"of a page that may not subscribe", "", "GET", "/healthz", "Origin: https://evil.example\r\n", 200, "serving\n"},
		{"unfit", "the store is unavailable", "GET", "/healthz", "", 503, "the store is unavailable\n"},
		{"unfit, HEAD", "the store is unavailable", "HEAD", "/healthz", "", 503, ""},
		{"unfit in several lines", "one\r\n\r\ntwo\x00", "GET", "/healthz", "", 503, "one two\n"},
		{"POST", "the store is unavailable", "POST", "/healthz", "Content-Length: 0\r\n", 405, "use GET or HEAD for /healthz\n"},
		{"OPTIONS", "", "OPTIONS", "/healthz", "", 405, "use GET or HEAD for /healthz\n"},
		{"an unknown method", "", "BREW", "/healthz", "", 405, "use GET or HEAD for /healthz\n"},
		{"a path below it", "", "GET", "/healthz/x", "", 404, "not found; subscribe at /subscribe/<namespace>\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set(tt.unfit)
			res, body := health(t, s, tt.method, tt.method+" "+tt.target+" HTTP/1.1\r\nHost: x\r\n"+tt.fields+"\r\n")
			if res.StatusCode != tt.status || body != tt.body {
				t.Errorf("got %d %q, want %d %q", res.StatusCode, body, tt.status, tt.body)
			}
			if tt.status == 404 {
				return
			}
			want := map[string]string{"Connection": "close", "Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8", "Vary": "Origin", "Allow": ""}
			if tt.status == 405 {
				want["Allow"] = "GET, HEAD"
			}
			for field, value := range want {
				if got := res.Header.Get(field); got != value && !(field == "Connection" && res.Close) {
					t.Errorf("%s is %q, want %q", field, got, value)
				}
			}
		})
	}
	until(t, s, "the four refusals are counted", func(s ssed.Stats) bool { return s.Refused == 4 })
}

// TestHealthWhileFull verifies that /healthz answers while all places of subscribers and of handed
// connections are taken.
func TestHealthWhileFull(t *testing.T) {
	s := serve(t, ssed.Options{ConnsMax: 1, ConnsPerAddressMax: 1, Handover: handTo(1)})
	subscribe(t, s, "/subscribe/a")
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n")
	if status, _ := readHead(t, bufio.NewReader(c)); status != 200 {
		t.Fatal(status)
	}
	if res, body := health(t, s, "GET", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); res.StatusCode != 200 || body != "serving\n" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
}

// TestHealthOfTheLoopAlone verifies that without Unfit, /healthz reports the state of the loop.
func TestHealthOfTheLoopAlone(t *testing.T) {
	const request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	h := newMemStore()
	s := serve(t, ssed.Options{Store: h})
	if res, body := health(t, s, "GET", request); res.StatusCode != 503 || !strings.Contains(body, "the store is not replayed yet") {
		t.Errorf("before the store is read: %d %q", res.StatusCode, body)
	}
	if err := s.StoreSink().Begin(t.Context(), "store", 0); err != nil {
		t.Fatal(err)
	}
	if err := s.StoreSink().Live(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, s, "the server is live", func(ssed.Stats) bool {
		res, _ := health(t, s, "GET", request)
		return res.StatusCode == 200
	})

	// A subscriber that does not read prevents the server from stopping.
	s = serve(t, ssed.Options{SendBufferBytes: 8 << 10, Unfit: func() string { return "draining says more" }})
	c, _ := subscribe(t, s, "/subscribe/a")
	publishTo(t, s, "/a", strings.Repeat("x", 1<<20))
	publishTo(t, s, "/a", strings.Repeat("x", 1<<20))
	until(t, s, "the subscriber is blocked", func(s ssed.Stats) bool { return s.Blocked == 1 })
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	until(t, s, "the server is stopping", func(s ssed.Stats) bool { return s.Stopping })
	if res, body := health(t, s, "GET", request); res.StatusCode != 503 || body != "draining\n" {
		t.Errorf("while it ends: %d %q", res.StatusCode, body)
	}
	c.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestHealthOfTheProgram verifies that a Handover with the path /healthz replaces the loop's
// answer.
func TestHealthOfTheProgram(t *testing.T) {
	hand := handTo(1)
	hand.Paths = append(hand.Paths, "/healthz")
	s := serve(t, ssed.Options{Handover: hand, Unfit: func() string { return "not asked" }})
	if res, body := health(t, s, "GET", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); body != "/healthz:" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
}

// TestHealthWithoutProxyHeader verifies that a request for /healthz needs no PROXY header, even if
// it arrives in pieces. All other requests need one.
func TestHealthWithoutProxyHeader(t *testing.T) {
	s := serve(t, ssed.Options{ProxyProtocol: true, TrustedProxies: []string{"192.0.2.1"}, Handover: handTo(1)})
	for request, want := range map[string]int{
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":                200,
		"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n":               200,
		"GET /healthz?x HTTP/1.1\r\nHost: x\r\n\r\n":              200,
		"GET /healthzz HTTP/1.1\r\nHost: x\r\n\r\n":               400,
		"GET /healthz/../subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n": 400,
		"GET /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n":            400,
		"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n":                  400,
		// This header does not come from a trusted proxy.
		"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n": 400,
	} {
		for _, piece := range []int{len(request), 1} {
			c := dial(t, s.ListenAddrs()[0])
			for rest := request; rest != ""; {
				n := min(piece, len(rest))
				if _, err := io.WriteString(c, rest[:n]); err != nil {
					break // the server refused it before its end
				}
				rest = rest[n:]
			}
			if status, _ := readHead(t, bufio.NewReader(c)); status != want {
				t.Errorf("%q in pieces of %d: %d, want %d", request, piece, status, want)
			}
		}
	}
}
