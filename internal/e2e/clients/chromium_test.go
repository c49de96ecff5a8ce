package clients

import (
	"net/url"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// needChromium skips a test on a machine without it.
func needChromium(t *testing.T) {
	t.Helper()
	testtool.Need(t, "chromium")
}

// browse opens a page of the watcher's in a fresh Chromium.
func browse(t *testing.T, w *watcher, page string, query url.Values) {
	t.Helper()
	// A page opens tabs.
	testtool.StartChromium(t, nil, "--disable-popup-blocking", w.origin+"/"+page+"?"+query.Encode())
}

// inChromium opens an EventSource in a page or, through one, in a worker.
func inChromium(page string) opener {
	return func(t *testing.T, subscribe string, names ...string) *watcher {
		t.Helper()
		w := newWatcher(t)
		browse(t, w, page, url.Values{"url": {subscribe}, "name": names})
		return w
	}
}
