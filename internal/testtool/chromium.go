package testtool

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
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
}

// StartChromium starts a fresh Chromium, which ends with the test, with its flags and
// what else it is given: descriptors from 3 on, and arguments. A fresh one for each
// test takes about a second, and no test can then lean on another's connections,
// caches or preflights.
func StartChromium(t testing.TB, files []*os.File, args ...string) {
	t.Helper()
	chromium := Need(t, "chromium")
	folder, err := os.MkdirTemp("", "ssed-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	// Once the process group is killed, its last writes may still be on their way.
	t.Cleanup(func() {
		WaitFor(t, "the end of "+folder, func() bool { return os.RemoveAll(folder) == nil })
	})
	flags := append(slices.Clone(chromiumFlags), "--user-data-dir="+filepath.Join(folder, "profile"))
	cmd := exec.Command(chromium, append(flags, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+folder, "TMPDIR="+folder) // all that it writes goes there
	cmd.ExtraFiles = files
	c := startGroup(t, cmd)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Chromium said:\n%s", c.Errors())
		}
	})
}
