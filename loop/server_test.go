package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// TestMatching checks which messages a subscriber of several namespaces gets.
func TestMatching(t *testing.T) {
	s := serve(t, ssed.Options{})
	for _, tt := range []struct {
		target string
		want   string // the data of the frames, in order
	}{
		{"/subscribe/pets", "dog cat pets"},
		{"/subscribe/pets/", "dog cat pets"},
		{"/subscribe/pets/dogs", "dog"},
		{"/subscribe/petsmart", "mart"},
		{"/subscribe/", "dog cat pets mart time"},
		{"/subscribe?ns=/pets&ns=/time", "dog cat pets time"},
		{"/subscribe?ns=%2Ftime&ns=/pets%2Fdogs", "dog time"},
		{"/subscribe/time?ns=/petsmart&_=17", "mart time"},
		{"/subscribe?ns=/pets&ns=/pets/dogs", "dog cat pets"},
		{"/subscribe/p%65ts", "dog cat pets"},
	} {
		_, r := subscribe(t, s, tt.target)
		t.Cleanup(func() {
			for _, data := range strings.Fields(tt.want) {
				expect(t, r, "data:"+data+"\n\n")
			}
			expect(t, r, "event:end\ndata:\n\n")
		})
	}
	publishAll(t, s,
		sse.Message{Namespace: "/pets/dogs", Data: []byte("dog")},
		sse.Message{Namespace: "/pets/cats/", Data: []byte("cat")},
		sse.Message{Namespace: "/pets", Data: []byte("pets")},
		sse.Message{Namespace: "/petsmart", Data: []byte("mart")},
		sse.Message{Namespace: "/time", Data: []byte("time")},
		sse.Message{Namespace: "/pets/dogs", Event: "end"},
		sse.Message{Namespace: "/petsmart", Event: "end"},
	)
}

// TestHeadIsSentImmediately verifies that the response head is sent immediately. mroth/sseserver
// sends it with the first event.
func TestHeadIsSentImmediately(t *testing.T) {
	s := serve(t, ssed.Options{})
	c := dial(t, s.ListenAddrs()[0])
	io.WriteString(c, "GET /subscribe/pets HTTP/1.1\r\nHost: x\r\n\r\n")
	head := make([]byte, 1000)
	n, err := c.Read(head)
	if err != nil {
		t.Fatal(err)
	}
	got := string(head[:n])
	for _, want := range []string{"HTTP/1.1 200 OK\r\n", "\r\nContent-Type: text/event-stream; charset=utf-8\r\n", "\r\nCache-Control: no-cache\r\n",
		"\r\nConnection: close\r\n", "\r\nX-Accel-Buffering: no\r\n", "\r\nAccess-Control-Allow-Origin: *\r\n", "\r\nDate: "} {
		if !strings.Contains(got, want) {
			t.Errorf("the head lacks %q:\n%s", want, got)
		}
	}
	if !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("the head does not end: %q", got)
	}
}

// TestAnswers checks the status and the body of answers to invalid requests.
func TestAnswers(t *testing.T) {
	s := serve(t, ssed.Options{})
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	for _, tt := range []struct {
		name, request string
		status        string
		contains      string
	}{
		{"elsewhere", get("/"), "404", "/subscribe/<namespace>"},
		{"almost", get("/subscribers"), "404", ""},
		{"no namespace", get("/subscribe"), "400", "no namespace given"},
		{"a bad namespace", get("/subscribe/a//b"), "400", "empty segment"},
		{"dots", get("/subscribe/../etc"), "400", `".."`},
		{"a bad escape", get("/subscribe/%zz"), "400", ""},
		{"POST", "POST /subscribe/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405", "Allow: GET, HEAD, OPTIONS"},
		{"an unknown method", "BREW /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n", "501", ""},
		{"no host", "GET /subscribe/a HTTP/1.1\r\n\r\n", "400", ""},
		{"not HTTP at all", "PUB /pets new-dog Corgi\r\n\r\n", "400", ""},
		{"HEAD", "HEAD /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n", "200", "text/event-stream"},
		{"OPTIONS", "OPTIONS /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n", "204", "Access-Control-Allow-Headers: *, X-Authorization, Authorization, "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, s.ListenAddrs()[0])
			io.WriteString(c, tt.request)
			got, err := io.ReadAll(c) // to the end, because the server closes each of these connections
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(got), "HTTP/1.1 "+tt.status+" ") || !strings.Contains(string(got), tt.contains) {
				t.Errorf("got %q, want %s and %q", got, tt.status, tt.contains)
			}
			if !strings.Contains(string(got), "\r\nConnection: close\r\n") || !strings.Contains(string(got), "\r\nDate: ") {
				t.Errorf("no Connection: close, or no Date: %q", got)
			}
		})
	}
}

// TestHeadByteByByte sends a request byte by byte.
func TestHeadByteByByte(t *testing.T) {
	s := serve(t, ssed.Options{})
	c := dial(t, s.ListenAddrs()[0])
	for _, b := range []byte("GET /subscribe/pets HTTP/1.1\r\nHost: x\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, c, "HTTP/1.1 200 OK\r\n")
}

// TestUnfinishedHeadTimesOut verifies that a connection is closed if its request head does not
// arrive in time.
func TestUnfinishedHeadTimesOut(t *testing.T) {
	t.Parallel()
	s := serve(t, ssed.Options{HeaderTimeout: 300 * time.Millisecond})
	for _, tt := range []struct{ name, request, want string }{
		{"silence", "", "HTTP/1.1 408 "},
		{"half a head", "GET /subscribe/pets HT", "HTTP/1.1 408 "},
		{"too much", "GET /subscribe/pets HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20_000), "HTTP/1.1 431 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, s.ListenAddrs()[0])
			io.WriteString(c, tt.request)
			expect(t, c, tt.want)
		})
	}
	until(t, s, "all pending connections are gone", func(s ssed.Stats) bool { return s.PendingConnections == 0 })
}

// TestTokens checks which subscriptions each token allows.
func TestTokens(t *testing.T) {
	tokens, err := auth.ParseTable([]string{"reads-pets subscribe /pets", "reads-all-of-it subscribe", "writes-pets publish /pets"})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, ssed.Options{Tokens: tokens})
	for _, tt := range []struct{ name, target, field, status string }{
		{"none", "/subscribe/pets", "", "401"},
		{"wrong", "/subscribe/pets", "X-Authorization: nonsense", "401"},
		{"one for publishing", "/subscribe/pets", "X-Authorization: writes-pets", "401"},
		{"X-Authorization", "/subscribe/pets", "X-Authorization: reads-pets", "200"},
		{"Bearer", "/subscribe/pets", "Authorization: bearer reads-pets", "200"},
		{"in the query", "/subscribe/pets?token=reads%2Dpets", "", "200"},
		{"outside its prefix", "/subscribe/time", "X-Authorization: reads-pets", "403"},
		{"half outside", "/subscribe?ns=/pets&ns=/time", "X-Authorization: reads-pets", "403"},
		{"all", "/subscribe/", "X-Authorization: reads-all-of-it", "200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, s.ListenAddrs()[0])
			request := "GET " + tt.target + " HTTP/1.1\r\nHost: x\r\n"
			if tt.field != "" {
				request += tt.field + "\r\n"
			}
			io.WriteString(c, request+"\r\n")
			expect(t, c, "HTTP/1.1 "+tt.status+" ")
		})
	}
}

// TestPublishRefusesInvalidMessages checks the errors of Publish for invalid messages.
func TestPublishRefusesInvalidMessages(t *testing.T) {
	s := serve(t, ssed.Options{DataBytesMax: 10})
	for _, tt := range []struct {
		name    string
		message sse.Message
		want    error
	}{
		{"namespace", sse.Message{Namespace: "pets"}, nsindex.ErrNamespace},
		{"event", sse.Message{Namespace: "/", Event: "a\nb"}, sse.ErrEvent},
		{"utf8", sse.Message{Namespace: "/", Data: []byte("\xff")}, sse.ErrUTF8},
		{"too long", sse.Message{Namespace: "/", Data: []byte("01234567890")}, sse.ErrTooLong},
		{"good", sse.Message{Namespace: "/", Data: []byte("0123456789")}, nil},
	} {
		if err := s.Publish(context.Background(), tt.message); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestManyServers runs several servers in one process, each on its own ports.
func TestManyServers(t *testing.T) {
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := serve(t, ssed.Options{})
			_, r := subscribe(t, s, "/subscribe/n")
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					for range 100 {
						publishAll(t, s, sse.Message{Namespace: "/n", Data: fmt.Append(nil, i)})
					}
				})
			}
			wait.Wait()
			expect(t, r, strings.Repeat(fmt.Sprintf("data:%d\n\n", i), 400))
		})
	}
}

// TestPublishBeforeServe verifies that messages published before Serve are accepted, and checks the
// errors after Shutdown.
func TestPublishBeforeServe(t *testing.T) {
	s, err := ssed.New(ssed.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	publishAll(t, s, sse.Message{Namespace: "/early"})
	served := make(chan error)
	go func() { served <- s.Serve() }()
	<-s.Ready()
	until(t, s, "the message is published", func(s ssed.Stats) bool { return s.Published == 1 })
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := s.Publish(context.Background(), sse.Message{Namespace: "/late"}); !errors.Is(err, publish.ErrBusy) {
		t.Errorf("Publish after Shutdown: %v", err)
	}
	if _, err := s.Stats(context.Background()); !errors.Is(err, ssed.ErrStopped) {
		t.Errorf("Stats after Shutdown: %v", err)
	}
	if err := s.Serve(); err == nil {
		t.Error("a second Serve succeeded")
	}
}
