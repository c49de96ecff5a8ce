package clients

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestEventSourceOfAnotherOrigin verifies --cors-origin with a list of origins. A page of a listed
// origin gets its stream. On any other page, an EventSource gives up and fetch fails.
func TestEventSourceOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	for _, b := range browsers {
		t.Run(b.engine, func(t *testing.T) {
			t.Parallel()
			b.need(t)
			listed, other, reader := newWatcher(t), newWatcher(t), newWatcher(t)
			d := startQuiet(t, "--cors-origin="+listed.origin)
			target := d.Subscribe[0] + "/subscribe/pets"
			b.open(t, listed, "page.html", url.Values{"url": {target}})
			b.open(t, other, "page.html", url.Values{"url": {target}})
			b.open(t, reader, "fetch.html", url.Values{"url": {target}})
			listed.wait(t, "open", 1)
			testtool.WaitFor(t, "the page of another origin to give up", other.gaveUp)
			testtool.WaitFor(t, "the fetch of another origin to fail", func() bool { return len(reader.of("error")) > 0 })
			sent := Message{Data: "Corgi"}
			Publish(t, d.Publish[0], "/pets", sent)
			listed.wantEvents(t, sent)
			for _, w := range []*watcher{other, reader} {
				if n := len(w.of("open")) + len(w.of("event")) + len(w.of("chunk")); n > 0 {
					t.Errorf("a page of an unlisted origin received %d reports of the stream", n)
				}
			}
		})
	}
}

// TestEventSourceWithCredentials verifies that an EventSource with credentials sends the cookies of
// the daemon's host, and works only with a list of origins. Without credentials it sends no
// cookies.
func TestEventSourceWithCredentials(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		listed            bool // --cors-origin is the page's origin, else *
		credentials, fine bool
	}{
		{"a list, with credentials", true, true, true},
		{"a list, without credentials", true, false, true},
		{"any origin, with credentials", false, true, false},
		{"any origin, without credentials", false, false, true},
	}
	for _, b := range browsers {
		for _, tt := range tests {
			t.Run(b.engine+", "+tt.name, func(t *testing.T) {
				t.Parallel()
				b.need(t)
				// Cookies belong to a host, on all of its ports.
				w := newWatcherOn(t, "127.0.0.1")
				origins := "*"
				if tt.listed {
					origins = w.origin
				}
				d := startQuiet(t, "--cors-origin="+origins)
				proxy := testtool.StartProxy(t, d.Subscribe[0])
				query := url.Values{"url": {proxy.URL + "/subscribe/pets"}, "cookie": {"pet=corgi; SameSite=Lax"}}
				if tt.credentials {
					query.Set("credentials", "")
				}
				b.open(t, w, "page.html", query)
				if !tt.fine {
					testtool.WaitFor(t, "the page to give up", w.gaveUp)
				} else {
					w.wait(t, "open", 1)
					sent := Message{Data: "Corgi"}
					Publish(t, d.Publish[0], "/pets", sent)
					w.wantEvents(t, sent)
				}
				head := strings.ToLower(requests(proxy)[0].Heard)
				if got := strings.Contains(head, "\r\ncookie: ") && strings.Contains(head, "pet=corgi"); got != tt.credentials {
					t.Errorf("the cookie was sent: %t, want %t, in:\n%s", got, tt.credentials, head)
				}
			})
		}
	}
}
