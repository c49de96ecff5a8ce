package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// daemon answers like ssed, with a delay before each answer.
type daemon struct {
	head, pong string
	after      time.Duration
}

func (d daemon) start(t *testing.T) prober {
	lines := func(answer func(conn net.Conn, line string)) func(net.Conn) {
		return func(conn net.Conn) {
			defer conn.Close()
			for s := bufio.NewScanner(conn); s.Scan(); {
				time.Sleep(d.after)
				answer(conn, s.Text())
			}
		}
	}
	subscribe := testtool.Listen(t, lines(func(conn net.Conn, line string) {
		switch {
		case strings.HasPrefix(line, "GET /admin"):
			fmt.Fprint(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			conn.Close()
		case line == "":
			fmt.Fprint(conn, d.head)
		}
	}))
	publish := testtool.Listen(t, lines(func(conn net.Conn, line string) { fmt.Fprint(conn, d.pong) }))
	return prober{subscribe: subscribe.Addr().String(), publish: publish.Addr().String(), perSec: 100, time: 200 * time.Millisecond}
}

const goodHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

// TestProberAsks checks the number and the order of the latencies.
func TestProberAsks(t *testing.T) {
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	defer admin.Close()
	p := daemon{head: goodHead, pong: "PONG\n"}.start(t)
	p.admin = admin.URL
	answers, err := p.ask()
	if err != nil {
		t.Fatal(err)
	}
	if answers.Accept.Count != 20 || answers.Ping.Count != 20 || answers.Admin.Count != 20 {
		t.Errorf("%+v: want 20 of each", answers)
	}
	if a := answers.Accept; a.P50 <= 0 || a.P50 > a.P99 || a.P99 > a.Max {
		t.Errorf("%+v", a)
	}
}

// TestLatencyCountsFromTheDueTime sends a PING every 10 ms to a daemon that takes 50 ms for each
// PONG. It verifies that the latency of the last PONG includes the wait for all others.
func TestLatencyCountsFromTheDueTime(t *testing.T) {
	p := daemon{head: goodHead, pong: "PONG\n", after: 50 * time.Millisecond}.start(t)
	p.admin = ""
	answers, err := p.ask()
	if err != nil {
		t.Fatal(err)
	}
	if least := 20*50*time.Millisecond - 20*10*time.Millisecond; answers.Ping.Max < least {
		t.Errorf("the slowest PONG took %v, want at least %v", answers.Ping.Max, least)
	}
	if answers.Admin.Count != 0 {
		t.Errorf("got %d answers without admin pages", answers.Admin.Count)
	}
}

// TestWrongAnswersAreErrors verifies that unexpected answers and addresses are errors.
func TestWrongAnswersAreErrors(t *testing.T) {
	for want, d := range map[string]daemon{
		"answered \"HTTP/1.1 404": {head: "HTTP/1.1 404 Not Found\r\n\r\n", pong: "PONG\n"},
		"PING: answered":          {head: goodHead, pong: "OK\n"},
	} {
		p := d.start(t)
		if _, err := p.ask(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	p := daemon{head: goodHead, pong: "PONG\n"}.start(t)
	p.admin = "http://" + p.publish + "/nothing"
	if _, err := p.ask(); err == nil || !strings.Contains(err.Error(), "admin") {
		t.Errorf("got %v, want an error about the missing admin", err)
	}
	p = prober{subscribe: "192.0.2.1:80", publish: "127.0.0.1:1", perSec: 1, time: time.Second}
	if _, err := p.ask(); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("got %v", err)
	}
}

// TestAdminURLs verifies that redirects are not followed, and that host names and foreign addresses
// are rejected.
func TestAdminURLs(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	admin := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer admin.Close()
	for url, want := range map[string]string{
		admin.URL:                   "302 Found",
		"http://localhost:1/status": "loopback",
		"http://192.0.2.1/status":   "loopback",
	} {
		p := daemon{head: goodHead, pong: "PONG\n"}.start(t)
		p.admin = url
		if _, err := p.ask(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
	if adminClient().Transport.(*http.Transport).Proxy != nil {
		t.Error("the client uses a proxy")
	}
}
