package clients

import (
	"flag"
	"os"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests mostly wait for a client that waits before it comes back, so
	// more of them than there are cores may run at once.
	flag.Set("test.parallel", "10")
	code := testtool.Main(m)
	endBrowsers()
	os.Exit(code)
}

// startQuiet starts a daemon that sends no heartbeat while the test lasts: whatever
// a client sees before the first event, it sees because it was sent at once.
func startQuiet(t *testing.T, args ...string) *testtool.Daemon {
	t.Helper()
	return testtool.Start(t, append([]string{"--heartbeat=1h"}, args...)...)
}
