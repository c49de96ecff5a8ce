package admin_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/admin"
	"github.com/ssed/ssed/auth"
)

const patience = 20 * time.Second

// An env is a running loop with its admin pages on the same port.
type env struct {
	base   string // "http://127.0.0.1:40123"
	loop   *ssed.Server
	client *http.Client
}

func serve(t *testing.T, tokens ...string) *env {
	t.Helper()
	table, err := auth.ParseTable(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return serveWith(t, ssed.Options{Tokens: table})
}

func serveWith(t *testing.T, opts ssed.Options) *env {
	t.Helper()
	return serveOptions(t, opts, func(*admin.Options) {})
}

// serveOptions starts an env. change may modify the options of the pages.
func serveOptions(t *testing.T, opts ssed.Options, change func(*admin.Options)) *env {
	t.Helper()
	var pages *admin.Server
	log := slog.New(slog.DiscardHandler)
	opts.Listen, opts.Logger, opts.Drain = []string{"127.0.0.1:0"}, log, -1
	opts.Handover = &ssed.Handover{
		Paths:    (&admin.Options{Debug: true}).Paths(),
		ConnsMax: admin.ConnsMax,
		Take:     func(c *ssed.HandedConn) { pages.Take(c) },
	}
	l, err := ssed.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	options := admin.Options{Daemon: l, Tokens: l.Tokens, Version: "v0-test", Debug: true, Logger: log}
	change(&options)
	pages = admin.New(options)
	served := make(chan error, 1)
	go func() { served <- l.Serve() }()
	select {
	case <-l.Ready():
	case err := <-served:
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	h := &env{"http://" + l.ListenAddrs()[0].String(), l, &http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{}}}
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		pages.Shutdown()
		l.Shutdown(context.Background())
		<-served
	})
	return h
}

// ask sends a request with header fields ("Name: value") and returns the answer.
func (h *env) ask(t *testing.T, method, path, body string, fields ...string) (status int, answer string, header http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, h.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatalf("%s %.60s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %.60s: %v", method, path, err)
	}
	return res.StatusCode, string(text), res.Header
}

// subscribe opens a stream, reads the head of the response, and returns the connection.
func (h *env) subscribe(t *testing.T, target, agent string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nUser-Agent: %s\r\n\r\n", target, agent)
	r := bufio.NewReader(c)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	return c, r
}
