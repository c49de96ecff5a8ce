package top

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

func client(t *testing.T, address, token string) *Client {
	t.Helper()
	c, err := NewClient(address, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewClient(t *testing.T) {
	for _, tt := range []struct{ address, base string }{
		{"http://localhost:8001", "http://localhost:8001"},
		{"http://localhost:8001/", "http://localhost:8001"},
		{"http://localhost:8001/admin/", "http://localhost:8001"},
		{"https://example.org/sse", "https://example.org/sse"},
		{"localhost:8001", "http://localhost:8001"},
		{"[::1]:8001", "http://[::1]:8001"},
		{"unix:///run/s", "http://localhost"},
		{"unix://run/s", ""}, {"unix://", ""}, {"", ""}, {"ftp://x", ""}, {"http://", ""}, {"http://x?y", ""}, {"http://u:p@x", ""}, {"http://x\x1b", ""},
	} {
		c, err := NewClient(tt.address, "", nil)
		switch {
		case err != nil && tt.base != "":
			t.Errorf("%q: %v", tt.address, err)
		case err == nil && c.base != tt.base:
			t.Errorf("%q: %q, want %q", tt.address, c.base, tt.base)
		case err != nil && strings.Contains(err.Error(), "\x1b"):
			t.Errorf("a control character in %q", err)
		}
	}
}

// TestClient sends all requests to a running daemon, over TCP and over a unix socket.
func TestClient(t *testing.T) {
	folder, err := os.MkdirTemp("", "ssed") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	socket := "unix://" + filepath.Join(folder, "s")
	d := testtool.Start(t, "--listen", "127.0.0.1:0", "--listen", socket)
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe?ns=/pets&ns=/time", "User-Agent: evil\u009b31m agent")
	other := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/other")
	p := testtool.DialPublisher(t, d.Publish[0])
	p.Send(t, "PUB /pets - x\n")
	p.Reply(t)
	subscriber.Frame(t)

	for _, address := range []string{d.Subscribe[0], socket} {
		c, ctx := client(t, address, ""), t.Context()
		s, err := c.status(ctx, query{namespace: "/pets", slowest: true, limit: 10})
		if err != nil || len(s.Connections) != 1 || s.Subscribers != 2 {
			t.Fatal(s, err)
		}
		got := s.Connections[0]
		if got.UserAgent != "evil?31m agent" || got.ClientIP != "127.0.0.1" || joined(got.Namespaces) != "/pets /time" || got.MsgsSent != 1 {
			t.Errorf("%+v", got)
		}
		sets, err := c.namespaces(ctx)
		if err != nil || len(sets) != 2 || joined(sets[0].Namespaces) != "/other" || sets[1].Messages != 1 {
			t.Error(sets, err)
		}
		if gone, err := c.disconnect(ctx, 12345); !gone || err != nil {
			t.Error(gone, err)
		}
	}
	c := client(t, socket, "")
	s, err := c.status(t.Context(), query{namespace: "/pets", limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := c.disconnect(t.Context(), s.Connections[0].ID); gone || err != nil {
		t.Error(gone, err)
	}
	subscriber.Rest(t)
	p.Send(t, "PUB /other - still here\n")
	other.Frame(t)
}

// TestFollow receives the samples of a daemon, stops the daemon, and receives those of a new daemon
// at the same address.
func TestFollow(t *testing.T) {
	d := testtool.Start(t)
	address := strings.TrimPrefix(d.Subscribe[0], "http://")
	ctx, cancel := context.WithCancel(t.Context())
	messages, done := make(chan tea.Msg, 1000), make(chan struct{})
	defer func() { <-done }()
	defer cancel()
	c := client(t, d.Subscribe[0], "")
	go func() {
		defer close(done)
		follow(ctx, c, func(m tea.Msg) { messages <- m })
	}()
	until := func(what string, holds func(tea.Msg) bool) {
		t.Helper()
		patience := time.After(testtool.Patience)
		for {
			select {
			case m := <-messages:
				if holds(m) {
					return
				}
			case <-patience:
				t.Fatalf("no %s", what)
			}
		}
	}
	sampled := func(begin bool) func(tea.Msg) bool {
		return func(m tea.Msg) bool {
			s, ok := m.(samplesMsg)
			return ok && s.begin == begin && (begin || len(s.samples) == 1 && s.samples[0].RSSBytes > 0)
		}
	}
	until("history", sampled(true))
	until("sample", sampled(false))
	d.Process.Kill()
	d.Wait(t)
	until("loss", func(m tea.Msg) bool { _, ok := m.(lostMsg); return ok })
	testtool.Start(t, "--listen", address)
	until("new history", sampled(true))
	until("new sample", sampled(false))
}

// TestRefusals verifies that each refusal is one line that contains the problem and the address.
func TestRefusals(t *testing.T) {
	const secret = "s3cr3t-token"
	guarded := testtool.Start(t, "--token", secret+" admin", "--token", secret+"-2 publish").Subscribe[0]
	off := testtool.Start(t, "--admin", "off").Subscribe[0]
	elsewhere := testtool.Start(t, "--admin", "127.0.0.1:0").Subscribe[0]
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/redirect"):
			http.Redirect(w, r, guarded, http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/evil"):
			http.Error(w, "evil\x1b[31m\u009b\nsecond line", 500)
		case strings.HasPrefix(r.URL.Path, "/missing"):
			http.NotFound(w, r)
		default:
			fmt.Fprint(w, "<html>")
		}
	}))
	defer page.Close()
	nobody := testtool.FreePort(t)
	secured := httptest.NewUnstartedServer(http.NotFoundHandler())
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	defer secured.Close()
	for _, tt := range []struct{ name, address, token, says string }{
		{"no daemon", nobody, "", "no daemon answers at http://" + nobody + ": connection refused: is ssed running there?"},
		{"no socket", "unix:///nonexistent/s", "", "no daemon answers at unix:///nonexistent/s: no such file or directory"},
		{"no token", guarded, "", "refuses (401): a token with the admin right is required: set it with --token or SSED_TOKEN"},
		{"a wrong token", guarded, secret + "-3", "refuses (401): unknown token"},
		{"a token without the right", guarded, secret + "-2", "refuses (401): "},
		{"no pages", off, "", "refuses (403): "},
		{"pages elsewhere", elsewhere, "", "refuses (403): this path is disabled on this server"},
		{"another server", page.URL + "/missing", "", "refuses (404): no admin pages at this address; give http://host:port without a path"},
		{"a stream", guarded + "/subscribe/x", secret, "/subscribe/x is not the address of admin pages; expected http://host:port"},
		{"a TLS server", secured.Listener.Addr().String(), "", "no daemon answers at http://" + secured.Listener.Addr().String() + ": the server uses TLS: use https://"},
		{"a TLS server that is not trusted", secured.URL, "", "self-signed, and this client does not trust it; to trust it, use --ca-file"},
		{"not ours", page.URL, "", "unexpected response from"},
		{"a redirect", page.URL + "/redirect", secret, "refuses (302): "},
		{"an evil one", page.URL + "/evil", "", "refuses (500): evil?[31m?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := client(t, tt.address, tt.token)
			_, err := c.status(t.Context(), query{limit: 1})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("the error is %v, want %q", err, tt.says)
			}
			if strings.Contains(err.Error(), secret) || strings.ContainsAny(err.Error(), "\n\x1b\u009b") {
				t.Errorf("a token, a line break or a control character in %q", err)
			}
			var screen bytes.Buffer
			if Run(t.Context(), c, Options{Out: &screen}) == nil || screen.Len() > 0 {
				t.Errorf("Run wrote to the terminal: %q", screen.String())
			}
		})
	}
	if _, err := client(t, guarded, secret).status(t.Context(), query{limit: 1}); err != nil {
		t.Error("with the token:", err)
	}
}

func TestOnce(t *testing.T) {
	d := testtool.Start(t)
	testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets", "User-Agent: evil\u009b31m agent")
	var out strings.Builder
	if err := Once(t.Context(), client(t, d.Subscribe[0], ""), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"daemon        " + d.Subscribe[0] + "\n", "\nsubscribers  ", "\nCPU  ", "\ndisconnects   none\n",
		"\nconnections, slowest first: 1 of 1\naddress  ", "\n127.0.0.1  /pets       evil?31m agent  ", "\nnamespaces, by name: 1 of 1\nnamespaces  subscribers\n/pets       1\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.ContainsAny(out.String(), "\x1b\u009b") {
		t.Errorf("a control character in %q", out.String())
	}
}
