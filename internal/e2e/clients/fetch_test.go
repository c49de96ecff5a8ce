package clients

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

const pageToken = "token-of-the-page"

// TestFetchWithPreflight verifies that a page of another origin can send custom headers and then
// stream the body. The browser first sends a preflight, which is an OPTIONS request.
func TestFetchWithPreflight(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		headers []string
	}{
		{"X-Authorization", []string{"X-Authorization: " + pageToken}},
		{"Authorization", []string{"Authorization: Bearer " + pageToken}},
		{"the headers of fetch libraries", []string{"X-Authorization: " + pageToken, "Accept: text/event-stream",
			"Cache-Control: no-cache", "Last-Event-ID: 7"}},
	}
	for _, b := range browsers {
		for _, tt := range tests {
			t.Run(b.engine+", "+tt.name, func(t *testing.T) {
				t.Parallel()
				b.need(t)
				d := startQuiet(t, "--token", pageToken+" subscribe", "--retry=1s")
				proxy := testtool.StartProxy(t, d.Subscribe[0])
				w := fetch(t, b, proxy.URL+"/subscribe/pets", tt.headers...)
				w.wantStatus(t, 200)
				wantPreflight(t, proxy, tt.headers[0])
				want := "retry:1000\n" // sent with the head, so that a browser reports the stream as open
				w.wantBody(t, want)
				for _, m := range special { // each arrives before the next is sent, so the body streams
					Publish(t, d.Publish[0], "/pets", m)
					want += frame(m)
					w.wantBody(t, want)
				}
				proxy.Cut()
				w.wait(t, "end", 1)
				w.wantBody(t, want)
			})
		}
	}
}

// TestFetchReadsRefusals verifies that a page of another origin can read the reason of a refusal.
func TestFetchReadsRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path string
		headers    []string
		status     int
	}{
		{"no token", "/subscribe/pets", nil, 401},
		{"unknown token", "/subscribe/pets", []string{"X-Authorization: guessed-token"}, 401},
		{"outside the token's prefix", "/subscribe/time", []string{"X-Authorization: " + pageToken}, 403},
		{"an invalid namespace", "/subscribe/pets//dogs", []string{"X-Authorization: " + pageToken}, 400},
		{"an unknown path", "/elsewhere", nil, 404},
	}
	for _, b := range browsers {
		for _, tt := range tests {
			t.Run(b.engine+", "+tt.name, func(t *testing.T) {
				t.Parallel()
				b.need(t)
				d := startQuiet(t, "--token", pageToken+" subscribe /pets")
				w := fetch(t, b, d.Subscribe[0]+tt.path, tt.headers...)
				w.wantStatus(t, tt.status)
				w.wait(t, "end", 1)
				if why := w.body(); len(why) < 10 || strings.Count(why, "\n") != 1 || !strings.HasSuffix(why, "\n") {
					t.Errorf("the body is %q, want one line with the reason", why)
				}
			})
		}
	}
}

// fetch fetches a URL in a page of another origin.
func fetch(t *testing.T, b *browser, target string, headers ...string) *watcher {
	t.Helper()
	w := newWatcher(t)
	b.open(t, w, "fetch.html", url.Values{"url": {target}, "header": headers})
	return w
}

// wantStatus waits for the response head. If the response lacks a header that lets the page read
// it, fetch reports an error.
func (w *watcher) wantStatus(t *testing.T, status int) {
	t.Helper()
	testtool.WaitFor(t, "the response", func() bool { return len(w.of("open"))+len(w.of("error")) > 0 })
	if errors := w.of("error"); len(errors) > 0 {
		t.Fatalf("fetch failed: %s", errors[0].Data)
	}
	if got := w.of("open")[0].Status; got != status {
		t.Fatalf("status %d, want %d", got, status)
	}
}

// body returns what fetch has read so far.
func (w *watcher) body() string {
	var body strings.Builder
	for _, r := range w.of("chunk") {
		body.WriteString(r.Data)
	}
	return body.String()
}

func (w *watcher) wantBody(t *testing.T, want string) {
	t.Helper()
	testtool.WaitFor(t, "the body of fetch", func() bool { return len(w.body()) >= len(want) })
	if got := w.body(); got != want {
		t.Fatalf("the body is %s\nwant %s", excerpt(got, want), excerpt(want, got))
	}
}

// wantPreflight checks that the browser sent a preflight before the request with the header.
func wantPreflight(t *testing.T, proxy *testtool.Proxy, header string) {
	t.Helper()
	name, _, _ := strings.Cut(header, ": ")
	var heads []string
	for _, e := range requests(proxy) {
		heads = append(heads, e.Heard)
	}
	if len(heads) != 2 || !strings.HasPrefix(heads[0], "OPTIONS ") || !strings.HasPrefix(heads[1], "GET ") {
		t.Fatalf("the browser sent %q, want a preflight and a request", heads)
	}
	prefix := "access-control-request-headers: "
	_, fields, _ := strings.Cut(strings.ToLower(heads[0]), prefix)
	fields, _, _ = strings.Cut(fields, "\r\n")
	if !strings.Contains(","+fields+",", ","+strings.ToLower(name)+",") {
		t.Errorf("the preflight asked for %q, want %s among them", fields, name)
	}
	if !strings.Contains(heads[1], header+"\r\n") {
		t.Errorf("%q is missing in the request:\n%s", header, heads[1])
	}
}
