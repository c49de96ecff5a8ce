package loop_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/sse"
)

// answer sends a request and returns everything that the client gets until the connection ends.
func answer(t *testing.T, s *ssed.Server, request string) (head, body string) {
	t.Helper()
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, request)
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%q, %v", all, err)
	}
	head, body, _ = strings.Cut(string(all), "\r\n\r\n")
	return head, body
}

// TestAuthorizeAnswers checks the answer for each kind of error that Authorize can return.
func TestAuthorizeAnswers(t *testing.T) {
	words := map[string]error{
		"/no":        errors.New("you have not paid"),
		"/who":       fmt.Errorf("%w: the session has expired", ssed.ErrUnauthenticated),
		"/later":     fmt.Errorf("the database is unavailable: %w", ssed.ErrRetryLater),
		"/slow":      context.DeadlineExceeded,
		"/injection": errors.New("bad\r\nSet-Cookie: a=b\r\n\r\n<p>\x00\u202e text\xff"),
		"/nothing":   errors.New("\n"),
		"/long":      errors.New(strings.Repeat("ä", 1000)),
	}
	s := serve(t, ssed.Options{
		CORSOrigins: []string{"https://example.org"},
		Authorize:   func(_ context.Context, r *ssed.Request) error { return words[r.Namespaces[0]] },
	})
	for _, tt := range []struct {
		method, path string
		status       string
		body         string // "retry" means a reconnection time
	}{
		{"GET", "/no", "403 Forbidden", "you have not paid\n"},
		{"HEAD", "/no", "403 Forbidden", ""},
		{"GET", "/who", "401 Unauthorized", "authentication required: the session has expired\n"},
		{"GET", "/later", "200 OK", "retry"},
		{"HEAD", "/later", "200 OK", ""},
		{"GET", "/slow", "200 OK", "retry"},
		{"GET", "/injection", "403 Forbidden", "bad Set-Cookie: a=b <p> text\n"},
		{"GET", "/nothing", "403 Forbidden", "not allowed\n"},
		{"GET", "/long", "403 Forbidden", strings.Repeat("ä", 100) + "\n"},
		{"HEAD", "/yes", "200 OK", ""},
	} {
		head, body := answer(t, s, tt.method+" /subscribe"+tt.path+" HTTP/1.1\r\nHost: x\r\nOrigin: https://example.org\r\n\r\n")
		if tt.body == "retry" && strings.HasPrefix(body, "retry:") {
			body = "retry"
		}
		if !strings.HasPrefix(head, "HTTP/1.1 "+tt.status) || body != tt.body {
			t.Errorf("%s %s: %q %q", tt.method, tt.path, head, body)
		}
		if !strings.Contains(head, "Access-Control-Allow-Origin: https://example.org\r\n") {
			t.Errorf("%s %s: a page may not read the answer: %q", tt.method, tt.path, head)
		}
		if strings.Contains(tt.status, "401") != strings.Contains(head, "WWW-Authenticate:") {
			t.Errorf("%s %s: %q", tt.method, tt.path, head)
		}
	}
	if stats, err := s.Stats(context.Background()); err != nil || stats.TurnedAway != 3 || stats.Refused != 6 || stats.Authorizing != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}

// TestAuthorizeGetsTheRequest verifies that Authorize gets all parts of the request, and that it is
// not called for requests that are refused anyway.
func TestAuthorizeGetsTheRequest(t *testing.T) {
	var got ssed.Request
	var asked atomic.Int32
	tokens, err := auth.ParseTable([]string{"good-token subscribe"})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, ssed.Options{
		Tokens:         tokens,
		TrustedProxies: []string{"127.0.0.1"},
		Authorize: func(_ context.Context, r *ssed.Request) error {
			got = *r
			asked.Add(1)
			return errors.New("seen")
		},
	})
	const rest = " HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\ncookie: session=1; theme=dark\r\nUser-Agent: curl\r\n\r\n"
	for _, unasked := range []string{
		"GET /subscribe/pets?token=wrong-token" + rest,
		"GET /elsewhere?token=good-token" + rest,
		"GET /subscribe//?token=good-token" + rest,
		"POST /subscribe/pets?token=good-token" + rest,
		"OPTIONS /subscribe/pets?token=good-token" + rest,
		"GET /subscribe/pets?token=good-token HTTP/1.1\r\nbroken\r\n\r\n",
	} {
		if head, _ := answer(t, s, unasked); asked.Load() != 0 {
			t.Fatalf("Authorize was called for %q, which was answered %q", unasked, head)
		}
	}
	// Bytes after the head, such as a body or another request, must not matter.
	answer(t, s, "GET /subscribe?ns=/time&ns=/pets&token=good-token"+strings.Replace(rest, "\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc", 1)+"GET /subscribe/other"+rest)
	if asked.Load() != 1 {
		t.Fatalf("Authorize was called %d times, want 1", asked.Load())
	}
	if got.Client.String() != "192.0.2.7" || got.Peer.Network() != "tcp" || !slices.Equal(got.Namespaces, []string{"/pets", "/time"}) ||
		got.Query != "ns=/time&ns=/pets&token=good-token" {
		t.Errorf("%+v", got)
	}
	if got.Header("Cookie") != "session=1; theme=dark" || got.Header("user-agent") != "curl" || got.Header("Origin") != "" {
		t.Errorf("%q %q %q", got.Header("Cookie"), got.Header("user-agent"), got.Header("Origin"))
	}
}

// TestAuthorizedSubscriberMissesNothing verifies that the stream begins at the moment when
// Authorize returns, and that the id of the last event is still used.
func TestAuthorizedSubscriberMissesNothing(t *testing.T) {
	word := make(chan error)
	s := serve(t, ssed.Options{
		History:   []ssed.HistoryRule{{Prefix: "/", Messages: 10}},
		Authorize: func(_ context.Context, r *ssed.Request) error { return <-word },
	})
	c := dial(t, s.ListenAddrs()[0])
	fmt.Fprint(c, "GET /subscribe/n?last=2 HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n\r\n")
	until(t, s, "Authorize is running", func(s ssed.Stats) bool { return s.Authorizing == 1 })
	for _, data := range []string{"1", "2", "3"} {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte(data)})
	}
	until(t, s, "the messages are published", func(s ssed.Stats) bool { return s.Published == 3 })
	word <- nil
	r := bufio.NewReader(c)
	if status, _ := readHead(t, r); status != 200 {
		t.Fatal(status)
	}
	publishAll(t, s, sse.Message{Namespace: "/n", Data: []byte("4")})
	for _, want := range []string{"2", "3", "4"} {
		if id := line(t, r); !strings.HasPrefix(id, "id:") {
			t.Fatal(id)
		}
		expect(t, r, "data:"+want+"\n\n")
	}
	conns, err := s.Subscribers(context.Background())
	if err != nil || len(conns) != 1 || conns[0].Agent != "test" {
		t.Errorf("%+v, %v", conns, err)
	}
}

// waits is an Authorize function that blocks until its context ends. It reports its beginning and
// its end.
type waits struct{ began, ended chan struct{} }

func newWaits() waits { return waits{make(chan struct{}, 100), make(chan struct{}, 100)} }

func (w waits) authorize(ctx context.Context, _ *ssed.Request) error {
	w.began <- struct{}{}
	<-ctx.Done()
	w.ended <- struct{}{}
	return ctx.Err()
}

// receive waits for a value from a channel.
func receive(t *testing.T, from <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(patience):
		t.Fatal("timeout: ", what)
	}
}

const plainGet = "GET /subscribe/n HTTP/1.1\r\nHost: x\r\n\r\n"

// TestAuthorizeContextEnds verifies that the context of Authorize ends when the client or the
// server stops waiting.
func TestAuthorizeContextEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(net.Conn, *ssed.Server)
	}{
		{"when the client closes", func(c net.Conn, _ *ssed.Server) { c.Close() }},
		{"when the client resets", func(c net.Conn, _ *ssed.Server) {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}},
		{"when the client sends more data", func(c net.Conn, s *ssed.Server) {
			go func() {
				for err := error(nil); err == nil; time.Sleep(time.Millisecond) {
					_, err = io.WriteString(c, plainGet)
				}
			}()
		}},
		{"when the server ends", func(_ net.Conn, s *ssed.Server) { go s.Shutdown(context.Background()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWaits()
			s := serve(t, ssed.Options{Authorize: w.authorize, AuthorizeTimeout: time.Hour})
			c := dial(t, s.ListenAddrs()[0])
			io.WriteString(c, plainGet)
			receive(t, w.began, "Authorize is called")
			tt.end(c, s)
			receive(t, w.ended, "its context ends")
		})
	}
}

// TestAuthorizeTimesOut verifies that the client is asked to retry later after AuthorizeTimeout.
func TestAuthorizeTimesOut(t *testing.T) {
	t.Parallel()
	w := newWaits()
	var log logbook
	s := serve(t, ssed.Options{Authorize: w.authorize, AuthorizeTimeout: 200 * time.Millisecond, Logger: log.logger()})
	if head, body := answer(t, s, plainGet); !strings.HasPrefix(head, "HTTP/1.1 200 ") || !strings.HasPrefix(body, "retry:") {
		t.Errorf("%q %q", head, body)
	}
	receive(t, w.ended, "its context ends")
	log.waitFor(t, "authorization not decided")
}

// TestAuthorizeEndsItsGoroutine verifies that a call of Authorize that ends its goroutine refuses
// the request and frees its place. t.Fatal in a test of a program does this.
func TestAuthorizeEndsItsGoroutine(t *testing.T) {
	s := serve(t, ssed.Options{AuthorizeTimeout: time.Hour, Authorize: func(context.Context, *ssed.Request) error {
		runtime.Goexit()
		return nil
	}})
	if _, body := answer(t, s, plainGet); !strings.HasPrefix(body, "retry:") {
		t.Errorf("the client gets %q", body)
	}
	until(t, s, "the place is free", func(s ssed.Stats) bool { return s.Authorizing == 0 })
}

// TestAuthorizeIsBounded verifies that AuthorizeMax counts running calls, including those of
// clients that have disconnected.
func TestAuthorizeIsBounded(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, ssed.Options{AuthorizeMax: 2, Authorize: func(context.Context, *ssed.Request) error {
		<-release // it ignores its context
		return nil
	}})
	gone := dial(t, s.ListenAddrs()[0])
	stays := dial(t, s.ListenAddrs()[0])
	io.WriteString(gone, plainGet)
	io.WriteString(stays, plainGet)
	until(t, s, "both calls are running", func(s ssed.Stats) bool { return s.Authorizing == 2 })
	gone.Close()
	until(t, s, "one client has disconnected", func(s ssed.Stats) bool { return s.PendingConnections == 1 })
	if _, body := answer(t, s, plainGet); !strings.HasPrefix(body, "retry:") {
		t.Errorf("the third client gets %q, want a reconnection time", body)
	}
	if head, body := answer(t, s, strings.Replace(plainGet, "GET", "HEAD", 1)); !strings.HasPrefix(head, "HTTP/1.1 200 ") || body != "" {
		t.Errorf("a HEAD gets %q %q", head, body)
	}
	close(release)
	if status, _ := readHead(t, bufio.NewReader(stays)); status != 200 {
		t.Error(status)
	}
	stats := until(t, s, "both calls have returned", func(s ssed.Stats) bool { return s.Authorizing == 0 })
	if stats.Subscribers != 1 {
		t.Errorf("%d subscribers", stats.Subscribers)
	}
}

// TestAuthorizeWhenFull verifies that Authorize is not called while no place is free, and that the
// last place is given to only one of two accepted clients.
func TestAuthorizeWhenFull(t *testing.T) {
	var asked atomic.Int32
	word := make(chan error)
	s := serve(t, ssed.Options{ConnsMax: 1, Authorize: func(context.Context, *ssed.Request) error {
		asked.Add(1)
		return <-word
	}})
	first, second := dial(t, s.ListenAddrs()[0]), dial(t, s.ListenAddrs()[0])
	io.WriteString(first, plainGet)
	io.WriteString(second, plainGet)
	until(t, s, "both calls are running", func(s ssed.Stats) bool { return s.Authorizing == 2 })
	word <- nil
	word <- nil
	until(t, s, "one client has subscribed", func(s ssed.Stats) bool { return s.Subscribers == 1 && s.TurnedAway == 1 })
	if _, body := answer(t, s, plainGet); !strings.HasPrefix(body, "retry:") || asked.Load() != 2 {
		t.Errorf("got %q, and Authorize was called %d times", body, asked.Load())
	}
}

// TestAuthorizeInAStorm is for the race detector. Calls of Authorize return while clients
// disconnect, calls time out and the server stops.
func TestAuthorizeInAStorm(t *testing.T) {
	s := serve(t, ssed.Options{AuthorizeMax: 20, AuthorizeTimeout: 100 * time.Millisecond, Authorize: func(_ context.Context, r *ssed.Request) error {
		time.Sleep(rand.N(3 * time.Millisecond))
		if rand.N(50) == 0 {
			time.Sleep(120 * time.Millisecond)
		}
		if r.Header("User-Agent") == "bad" {
			return errors.New("go away")
		}
		return nil
	}})
	var statuses [600]atomic.Int32
	var clients sync.WaitGroup
	for range 10 {
		clients.Go(func() {
			for range 30 {
				c, err := net.Dial("tcp", s.ListenAddrs()[0].String())
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(patience))
				bad := rand.N(2) == 0
				fmt.Fprintf(c, "GET /subscribe/n HTTP/1.1\r\nHost: x\r\nUser-Agent: %s\r\n\r\n", map[bool]string{true: "bad", false: "good"}[bad])
				if rand.N(3) > 0 {
					res, err := http.ReadResponse(bufio.NewReader(c), nil)
					if err != nil || res.StatusCode == 403 && !bad {
						t.Error(err, res)
						return
					}
					statuses[res.StatusCode].Add(1)
				}
				c.Close()
			}
		})
	}
	clients.Wait()
	until(t, s, "all connections are closed", func(s ssed.Stats) bool { return s.Authorizing == 0 && s.PendingConnections == 0 && s.Subscribers == 0 })
	if statuses[200].Load() == 0 || statuses[403].Load() == 0 {
		t.Error("too few requests were answered for a meaningful test")
	}
}

// TestAuthorizeWithAnyHead verifies that the request may arrive in pieces, after a PROXY header,
// and before a body that is longer than any head.
func TestAuthorizeWithAnyHead(t *testing.T) {
	agents := make(chan string, 1)
	authorize := func(_ context.Context, r *ssed.Request) error {
		agents <- r.Header("User-Agent") + " " + r.Client.String()
		return nil
	}
	plain, proxied := serve(t, ssed.Options{Authorize: authorize}), serve(t, ssed.Options{Authorize: authorize, ProxyProtocol: true})
	const head = "GET /subscribe/n HTTP/1.1\r\nHost: x\r\nUser-Agent: a\r\nContent-Length: 100000\r\n\r\n"
	for _, tt := range []struct {
		name   string
		server *ssed.Server
		pieces []string
		want   string
	}{
		{"a long body", plain, []string{head + strings.Repeat("x", 100_000)}, "a 127.0.0.1"},
		{"byte by byte", plain, strings.Split(head, ""), "a 127.0.0.1"},
		{"a PROXY header", proxied, []string{"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n" + head}, "a 192.0.2.7"},
		{"a PROXY header in pieces", proxied, []string{"PROXY TCP4 192.0.2.7 192", ".0.2.8 1 2\r\nGET /subs", head[len("GET /subs"):]}, "a 192.0.2.7"},
	} {
		c := dial(t, tt.server.ListenAddrs()[0])
		for _, piece := range tt.pieces {
			io.WriteString(c, piece)
			time.Sleep(100 * time.Microsecond) // so that most pieces are read separately
		}
		if status, _ := readHead(t, bufio.NewReader(c)); status != 200 {
			t.Errorf("%s: %d", tt.name, status)
		}
		if got := <-agents; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
