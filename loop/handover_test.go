package loop_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
)

// handTo returns a Handover that answers requests with their path and body.
func handTo(connsMax int) *ssed.Handover {
	return &ssed.Handover{
		Paths:    []string{"/admin", "/metrics"},
		ConnsMax: connsMax,
		Take: func(c *ssed.HandedConn) {
			defer c.Close()
			r := bufio.NewReader(c)
			for {
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				body, _ := io.ReadAll(req.Body)
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s:%s", len(req.URL.Path)+1+len(body), req.URL.Path, body)
			}
		},
	}
}

// TestHandoverByDefault verifies that ConnsMax has a default.
func TestHandoverByDefault(t *testing.T) {
	s := serve(t, ssed.Options{Handover: handTo(0)})
	res, err := http.Get("http://" + s.ListenAddrs()[0].String() + "/admin/x")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != "/admin/x:" {
		t.Errorf("%d %q, %v", res.StatusCode, got, err)
	}
}

// TestHandoverIsChecked verifies that invalid paths and limits are refused.
func TestHandoverIsChecked(t *testing.T) {
	for _, h := range []ssed.Handover{{Paths: []string{"/x", "admin"}}, {Paths: []string{"/admin/"}}, {Paths: []string{""}}, {Paths: []string{"/x"}, ConnsMax: -1}} {
		if _, err := ssed.New(ssed.Options{Handover: &h}); err == nil || !strings.Contains(err.Error(), "Handover") {
			t.Errorf("%q, %d: %v", h.Paths, h.ConnsMax, err)
		}
	}
}

// TestHandover verifies that a request for the program arrives complete, regardless of how it was
// split, and that the program can use the connection.
func TestHandover(t *testing.T) {
	t.Parallel()
	s := serve(t, ssed.Options{Handover: handTo(10)})
	body := strings.Repeat("b", 100_000)
	request := fmt.Sprintf("POST /admin/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	for _, pause := range []int{0, 1, 30, 90, len(request) - 1} {
		c := dial(t, s.ListenAddrs()[0])
		io.WriteString(c, request[:pause])
		if pause > 0 {
			time.Sleep(10 * time.Millisecond) // so that it is a separate read
		}
		io.WriteString(c, request[pause:])
		r := bufio.NewReader(c)
		for _, want := range []string{"/admin/x:" + body, "/metrics:"} {
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(res.Body); err != nil || string(got) != want {
				t.Fatalf("split at %d: got %d bytes, %v, want %d", pause, len(got), err, len(want))
			}
			io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		c.Close()
	}
	for target, status := range map[string]int{"/administer": 404, "/": 404, "/metricsx": 404} {
		c := dial(t, s.ListenAddrs()[0])
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target)
		if got, _ := readHead(t, bufio.NewReader(c)); got != status {
			t.Errorf("%s: %d, want %d", target, got, status)
		}
	}
	until(t, s, "no connection is left", func(s ssed.Stats) bool { return s.PendingConnections == 0 })
}

// TestHandoverIsBounded verifies that further clients get 503 when ConnsMax connections are open,
// and that the place of a closed connection is free again.
func TestHandoverIsBounded(t *testing.T) {
	s := serve(t, ssed.Options{Handover: handTo(3)})
	ask := func() (*bufio.Reader, func() error, int) {
		c := dial(t, s.ListenAddrs()[0])
		io.WriteString(c, "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n")
		r := bufio.NewReader(c)
		status, _ := readHead(t, r)
		return r, c.Close, status
	}
	var leave func() error
	for i, want := range []int{200, 200, 200, 503} {
		_, close, status := ask()
		if status != want {
			t.Errorf("connection %d: %d, want %d", i, status, want)
		}
		if i == 0 {
			leave = close
		}
	}
	leave()
	for deadline := time.Now().Add(patience); ; {
		if _, _, status := ask(); status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of the closed connection is not free")
		}
	}
	if _, err := s.Stats(context.Background()); err != nil {
		t.Error(err)
	}
}
