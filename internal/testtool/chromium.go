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

// startChromium starts a fresh Chromium with extra arguments and with files as its
// descriptors from 3 on. It ends with the test.
func startChromium(t testing.TB, files []*os.File, args ...string) {
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
