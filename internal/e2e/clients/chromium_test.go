package clients

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// chromiumFlags start a browser without a window that talks to nobody but us.
var chromiumFlags = []string{
	"--headless",
	"--no-sandbox", // containers and root have none
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
	"--disable-popup-blocking", // a page opens tabs
}

// browse opens a page of the watcher's in a fresh Chromium, which ends with the
// test. A fresh one for each test takes about a second, and no test can then lean
// on another's connections, caches or preflights.
func browse(t *testing.T, w *watcher, page string, query url.Values) {
	t.Helper()
	chromium := testtool.Need(t, "chromium")
	folder, err := os.MkdirTemp("", "ssed-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	// Once the process group is killed, its last writes may still be on their way.
	t.Cleanup(func() {
		testtool.WaitFor(t, "the end of "+folder, func() bool { return os.RemoveAll(folder) == nil })
	})
	env := []string{"HOME=" + folder, "TMPDIR=" + folder} // all that it writes goes there
	args := append(slices.Clone(chromiumFlags), "--user-data-dir="+filepath.Join(folder, "profile"),
		w.origin+"/"+page+"?"+query.Encode())
	c := testtool.StartGroup(t, env, chromium, args...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Chromium said:\n%s", c.Errors())
		}
	})
}

// inChromium opens an EventSource in a page or, through one, in a worker.
func inChromium(page string) opener {
	return func(t *testing.T, subscribe string, names ...string) *watcher {
		t.Helper()
		testtool.Need(t, "chromium")
		w := newWatcher(t)
		browse(t, w, page, url.Values{"url": {subscribe}, "name": names})
		return w
	}
}
