package hub_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.RunWaiting(m)) }

// patience limits how long a test waits for an event that must happen.
const patience = 20 * time.Second

const anyPort = "tcp://127.0.0.1:0"

// serve runs a server until the end of the test. The server is a Hub with options.
func serve(t *testing.T, opts ssed.Options) *ssed.Server {
	t.Helper()
	if opts.Listen == nil {
		opts.Listen = []string{"127.0.0.1:0"}
	}
	opts.Drain, opts.Logger = -1, slog.New(slog.DiscardHandler)
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
func dial(t *testing.T, addr net.Addr) net.Conn {
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
func subscribe(t *testing.T, s *ssed.Server, target string) io.Reader {
	t.Helper()
	c := dial(t, s.ListenAddrs()[0])
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
	r := bufio.NewReader(c)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 200 {
		t.Fatalf("subscribing to %s: %v, %v", target, res, err)
	}
	return r
}

// expect reads exactly want.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got[:n], err, want)
	}
}
