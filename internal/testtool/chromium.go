package testtool

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// chromiumFlags start a browser without a window and without connections to its vendor.
var chromiumFlags = []string{
	"--headless",
	"--no-sandbox", // the sandbox does not work for root and in containers
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
}

// startChromium starts a Chromium with an empty profile, extra arguments, and files as its
// descriptors from 3 on. It is killed when the test ends.
func startChromium(t testing.TB, files []*os.File, args ...string) {
	t.Helper()
	chromium := Need(t, "chromium")
	folder, err := os.MkdirTemp("", "ssed-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	// Processes of the killed group may still write for a moment.
	t.Cleanup(func() {
		WaitFor(t, "the end of "+folder, func() bool { return os.RemoveAll(folder) == nil })
	})
	flags := append(slices.Clone(chromiumFlags), "--user-data-dir="+filepath.Join(folder, "profile"))
	cmd := exec.Command(chromium, append(flags, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+folder, "TMPDIR="+folder) // it writes all its files there
	cmd.ExtraFiles = files
	c := startGroup(t, cmd)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Chromium logged:\n%s", c.Errors())
		}
	})
}
