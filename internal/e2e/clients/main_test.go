package clients

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests mostly wait for a client that waits before it comes back, so
	// more of them than there are cores may run at once.
	flag.Set("test.parallel", "6")
	if err := lookAtSources(); err != nil {
		panic(err)
	}
	os.Exit(testtool.Main(m))
}

// lookAtSources lists every folder of the module. The daemon under test is built
// by these tests and not linked to them; go test would not know that a change of
// it makes their last result obsolete, but it does note which folders they read.
func lookAtSources() error {
	root := filepath.Join("..", "..", "..")
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		return err
	})
}

// startQuiet starts a daemon that sends no heartbeat while the test lasts: whatever
// a client sees before the first event, it sees because it was sent at once.
func startQuiet(t *testing.T, args ...string) *testtool.Daemon {
	t.Helper()
	return testtool.Start(t, append([]string{"--heartbeat=1h"}, args...)...)
}
