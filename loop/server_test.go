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
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssed/ssed/auth"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/nsindex"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

func TestWhoHearsWhat(t *testing.T) {
	s := serve(t, loop.Options{})
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

// TestHeadComesAtOnce: the ancestor sent it with the first event.
func TestHeadComesAtOnce(t *testing.T) {
	s := serve(t, loop.Options{})
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

func TestAnswers(t *testing.T) {
	s := serve(t, loop.Options{})
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	for _, tt := range []struct {
		name, request string
		status        string
		contains      string
	}{
		{"elsewhere", get("/"), "404", "/subscribe/<namespace>"},
		{"almost", get("/subscribers"), "404", ""},
		{"no namespace", get("/subscribe"), "400", "none was given"},
		{"a bad namespace", get("/subscribe/a//b"), "400", "empty segment"},
		{"dots", get("/subscribe/../etc"), "400", `".."`},
		{"a bad escape", get("/subscribe/%zz"), "400", ""},
		{"POST", "POST /subscribe/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405", "Allow: GET, HEAD, OPTIONS"},
		{"a method nobody knows", "BREW /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n", "501", ""},
		{"no host", "GET /subscribe/a HTTP/1.1\r\n\r\n", "400", ""},
		{"not HTTP at all", "PUB /pets new-dog Corgi\r\n\r\n", "400", ""},
		{"HEAD", "HEAD /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n", "200", "text/event-stream"},
		{"OPTIONS", "OPTIONS /subscribe/a HTTP/1.1\r\nHost: x\r\n\r\n", "204", "Access-Control-Allow-Headers: X-Authorization"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, s.ListenAddrs()[0])
			io.WriteString(c, tt.request)
			got, err := io.ReadAll(c) // to the end: each of these closes
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

// TestDribbledHead sends a request byte by byte.
func TestDribbledHead(t *testing.T) {
	s := serve(t, loop.Options{})
	c := dial(t, s.ListenAddrs()[0])
	for _, b := range []byte("GET /subscribe/pets HTTP/1.1\r\nHost: x\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, c, "HTTP/1.1 200 OK\r\n")
}

func TestHeadNeverEnds(t *testing.T) {
	s := serve(t, loop.Options{HeaderTimeout: 300 * time.Millisecond})
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
	until(t, s, "all visitors are gone", func(s loop.Stats) bool { return s.Visitors == 0 })
}

func TestTokens(t *testing.T) {
	tokens, err := auth.ParseTable([]string{"reads-pets subscribe /pets", "reads-all-of-it subscribe", "writes-pets publish /pets"})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, loop.Options{Tokens: tokens})
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

func TestPublishRefusesBadMessages(t *testing.T) {
	s := serve(t, loop.Options{DataBytesMax: 10})
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

// TestManyServers: several in one process, on ports of their own, at once.
func TestManyServers(t *testing.T) {
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := serve(t, loop.Options{})
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

func TestPublishBeforeServe(t *testing.T) {
	s, err := loop.New(loop.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	publishAll(t, s, sse.Message{Namespace: "/early"})
	served := make(chan error)
	go func() { served <- s.Serve() }()
	<-s.Ready()
	until(t, s, "the message is published", func(s loop.Stats) bool { return s.Published == 1 })
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := s.Publish(context.Background(), sse.Message{Namespace: "/late"}); !errors.Is(err, publish.ErrBusy) {
		t.Errorf("a server that has ended answers %v", err)
	}
	if _, err := s.Stats(context.Background()); !errors.Is(err, loop.ErrStopped) {
		t.Errorf("and its figures are %v", err)
	}
	if err := s.Serve(); err == nil {
		t.Error("a server serves once")
	}
}

func TestShutdownBeforeServe(t *testing.T) {
	s, err := loop.New(loop.Options{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err == nil {
		t.Error("it served after Shutdown")
	}
}

// TestShutdownDelivers: what was accepted arrives, however much is under way.
func TestShutdownDelivers(t *testing.T) {
	s := serve(t, loop.Options{})
	_, r := subscribe(t, s, "/subscribe/n")
	data := bytes.Repeat([]byte("x"), 100_000)
	const n = 100 // 10 MB: more than the sockets take
	for range n {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: data})
	}
	ended := make(chan error)
	go func() { ended <- s.Shutdown(context.Background()) }()
	want := "data:" + string(data) + "\n\n"
	for range n {
		expect(t, r, want)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("after the last message came %q, %v", rest, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestShutdownDoesNotWaitForever(t *testing.T) {
	s := serve(t, loop.Options{})
	subscribe(t, s, "/subscribe/n") // and never reads again
	for range 100 {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: bytes.Repeat([]byte("x"), 100_000)})
	}
	until(t, s, "the subscriber is stuck", func(s loop.Stats) bool { return s.Blocked == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(full, "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	live, err := net.Listen("unix", filepath.Join(dir, "live"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	for _, tt := range []struct{ name, address, words string }{
		{"a port in use", taken.Addr().String(), "in use"},
		{"an address of nobody here", "192.0.2.1:8001", "cannot assign requested address"},
		{"a folder", "unix://" + full, "folder"},
		{"a file", "unix://" + file, ""},
		{"a live socket", "unix://" + live.Addr().String(), ""},
		{"no parent folder", "unix://" + dir + "/none/socket", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := loop.New(loop.Options{Listen: []string{tt.address}})
			if err != nil {
				t.Fatal(err)
			}
			err = s.Serve()
			if err == nil || !strings.Contains(err.Error(), tt.words) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Serve: %v; want one line with %q", err, tt.words)
			}
			t.Log(err)
		})
	}
	if got, _ := os.ReadFile(file); string(got) != "precious" {
		t.Error("the file is gone")
	}
	if _, err := os.Stat(filepath.Join(full, "inside")); err != nil {
		t.Error("the folder is gone:", err)
	}
	if c, err := net.Dial("unix", live.Addr().String()); err != nil {
		t.Error("the live socket is gone:", err)
	} else {
		c.Close()
	}
}

func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "publish")
	old, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	old.Close() // what a killed daemon leaves behind
	s := serve(t, loop.Options{
		Listen:  []string{"unix://" + dir + "/subscribe", "127.0.0.1:0"},
		Publish: []publish.Endpoint{{Network: "unix", Address: stale}, anyPort},
	})
	for _, path := range []string{stale, dir + "/subscribe"} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
			t.Errorf("%s: mode %v, %v; want 0660", path, info.Mode(), err)
		}
	}
	_, r := subscribe(t, s, "/subscribe/pets")
	for _, addr := range s.PublishAddrs() {
		p := dial(t, addr)
		io.WriteString(p, "PUB /pets - "+addr.Network()+"\n")
		expect(t, p, "OK ")
		expect(t, r, "data:"+addr.Network()+"\n\n")
	}
}

// TestPublishersAreToldToWait: while the server drains, they get ERR busy and
// know that it was not published.
func TestPublishersAreToldToWait(t *testing.T) {
	s := serve(t, loop.Options{})
	stuck, _ := subscribe(t, s, "/subscribe/n")
	p := dial(t, s.PublishAddrs()[0])
	r := bufio.NewReader(p)
	for range 100 {
		publishAll(t, s, sse.Message{Namespace: "/n", Data: bytes.Repeat([]byte("x"), 100_000)})
	}
	until(t, s, "the subscriber is stuck", func(s loop.Stats) bool { return s.Blocked == 1 })
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
		t.Errorf("who comes now gets %q, %v", got, err)
	}
	stuck.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestUnixOnly: no TCP port at all, and nothing is left behind.
func TestUnixOnly(t *testing.T) {
	dir := t.TempDir()
	t.Run("serving", func(t *testing.T) {
		t.Setenv("TMPDIR", dir)
		s := serve(t, loop.Options{
			Listen:  []string{"unix://" + dir + "/subscribe"},
			Publish: []publish.Endpoint{{Network: "unix", Address: dir + "/publish"}},
		})
		_, r := subscribe(t, s, "/subscribe/n")
		p := dial(t, s.PublishAddrs()[0])
		io.WriteString(p, "PUB /n - x\n")
		expect(t, p, "OK 1\n")
		expect(t, r, "data:x\n\n")
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestOneAddressTwice: within one server, in whatever form, and by a second one,
// which SO_REUSEPORT alone would let in to take half of the clients.
func TestOneAddressTwice(t *testing.T) {
	path := "unix://" + t.TempDir() + "/s"
	one := serve(t, loop.Options{})
	taken := one.ListenAddrs()[0].(*net.TCPAddr)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	at := func(host string) string { return fmt.Sprintf("%s:%d", host, port) }
	for _, listen := range [][]string{
		{path, path},
		{taken.String()},
		{fmt.Sprintf(":%d", taken.Port)},
		{at("127.0.0.1"), at("127.0.0.1")},
		{at("127.0.0.1"), at("0.0.0.0")},
		{at(""), at("127.0.0.1")},
		{at(""), at("[::]")},
	} {
		s, err := loop.New(loop.Options{Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(); err == nil {
			t.Errorf("%q was listened on", listen)
		}
	}
}

// TestShutdownLosesNothingThatWasAccepted has many goroutines publish while the
// server shuts down: whatever Publish accepted has arrived.
func TestShutdownLosesNothingThatWasAccepted(t *testing.T) {
	for range 40 {
		s := serve(t, loop.Options{})
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

// TestShutdownLeavesNobodyAtTheDoor: who was let in at a unix socket while the
// server shuts down is served or closed, and does not hang.
func TestShutdownLeavesNobodyAtTheDoor(t *testing.T) {
	for range 20 {
		path := t.TempDir() + "/s"
		s := serve(t, loop.Options{Listen: []string{"unix://" + path, "127.0.0.1:0"}})
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
