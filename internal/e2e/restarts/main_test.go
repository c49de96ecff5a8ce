package restarts

import (
	"os"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

// own is a loopback address that only these tests use. On 127.0.0.1, another process could get the
// port while no daemon runs.
const own = "127.0.91.1:0"

// address returns the host:port, or the path, of a URL.
func address(url string) string {
	_, address, _ := strings.Cut(url, "://")
	return address
}

// publish publishes a message on /news, which must be answered OK.
func publish(t *testing.T, url, data string) {
	t.Helper()
	if got := testtool.DialPublisher(t, url).Ask(t, "PUB /news - "+data); !strings.HasPrefix(got, "OK ") {
		t.Errorf("publishing %q at %s: %q", data, url, got)
	}
}
