package clients

import (
	"net/url"
	"testing"
)

// TestSharedWorkerOutlivesItsPage verifies that pages of one origin share one EventSource through a
// shared worker. The worker continues when the page that started it closes.
func TestSharedWorkerOutlivesItsPage(t *testing.T) {
	t.Parallel()
	for _, b := range browsers {
		t.Run(b.engine, func(t *testing.T) {
			t.Parallel()
			b.need(t)
			d := startQuiet(t)
			w := newWatcher(t)
			query := url.Values{"url": {d.Subscribe[0] + "/subscribe/pets"}}
			closeFirst := b.open(t, w, "shared.html", query)
			w.wait(t, "open", 1)
			b.open(t, w, "shared.html", query)
			w.wait(t, "connect", 2)
			if n := len(streams(t, d)); n != 1 {
				t.Errorf("two pages have %d streams, want 1", n)
			}
			closeFirst()
			sent := Message{Data: "Corgi"}
			Publish(t, d.Publish[0], "/pets", sent)
			w.wantEvents(t, sent)
			if n := len(w.of("start")); n != 1 {
				t.Errorf("the worker started %d times, want 1", n)
			}
		})
	}
}
