package clients

import (
	"flag"
	"os"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests mostly wait for clients to reconnect, so more of them may run at a time than
	// there are cores.
	flag.Set("test.parallel", "10")
	code := testtool.Main(m)
	endBrowsers()
	os.Exit(code)
}

// startQuiet starts a daemon that sends no heartbeat during the test. A client that sees the stream
// open before the first event does so because the head was sent immediately.
func startQuiet(t *testing.T, args ...string) *testtool.Daemon {
	t.Helper()
	return testtool.Start(t, append([]string{"--heartbeat=1h"}, args...)...)
}
