package loop_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

func TestMain(m *testing.M) { os.Exit(testtool.RunWaiting(m)) }

// patience limits how long a test waits for an event that must happen.
const patience = 20 * time.Second

const anyPort = "tcp://127.0.0.1:0"

// serve runs a server on free loopback ports until the end of the test.
func serve(t testing.TB, opts ssed.Options) *ssed.Server {
	t.Helper()
	if opts.Listen == nil {
		opts.Listen = []string{"127.0.0.1:0"}
	}
	if opts.Publish == nil && opts.Loops <= 1 {
		opts.Publish = []string{anyPort}
	}
	if opts.Drain == 0 {
		opts.Drain = -1
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := ssed.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	select {
	case <-s.Ready():
	case err := <-served:
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("the server did not get ready")
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error("Shutdown:", err)
		}
		if err := <-served; err != nil {
			t.Error("Serve:", err)
		}
	})
	return s
}

// dial connects to an address of the server. All reads and writes have a deadline.
func dial(t testing.TB, addr net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// subscribe opens a stream and reads its response head.
func subscribe(t testing.TB, s *ssed.Server, target string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, s.ListenAddrs()[0])
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\n\r\n", target)
	r := bufio.NewReader(c)
	if status, head := readHead(t, r); status != 200 {
		t.Fatalf("subscribing to %s: %d %v", target, status, head)
	}
	return c, r
}

func readHead(t testing.TB, r *bufio.Reader) (status int, head http.Header) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header
}

// expect reads exactly want.
func expect(t testing.TB, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(r, got)
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got[:n], err, want)
	}
}

// line reads one line of a publisher's replies.
func line(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("got %q, %v", text, err)
	}
	return strings.TrimSuffix(text, "\n")
}

// until waits until the server's statistics meet a condition.
func until(t testing.TB, s *ssed.Server, what string, ok func(ssed.Stats) bool) ssed.Stats {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		stats, err := s.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if ok(stats) {
			return stats
		}
		if time.Now().After(deadline) {
			t.Fatalf("timeout waiting until %s; the statistics are %+v", what, stats)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// eachLoops runs a test with servers of one loop, of two loops and so on.
func eachLoops(t *testing.T, most int, test func(t *testing.T, loops int)) {
	for loops := 1; loops <= most; loops++ {
		t.Run(fmt.Sprint("loops: ", loops), func(t *testing.T) { test(t, loops) })
	}
}

// untilNewest waits until all loops of the server have delivered the message with a number.
func untilNewest(t testing.TB, s *ssed.Server, newest uint64) {
	t.Helper()
	until(t, s, fmt.Sprint("all loops have message ", newest), func(ssed.Stats) bool {
		each, err := s.LoopStats(context.Background())
		return err == nil && !slices.ContainsFunc(each, func(of ssed.Stats) bool { return of.Newest != newest })
	})
}

// publishAll publishes messages with Server.Publish.
func publishAll(t testing.TB, s *ssed.Server, messages ...sse.Message) {
	t.Helper()
	for _, m := range messages {
		if err := s.Publish(context.Background(), m); err != nil {
			t.Fatal(err)
		}
	}
}
