package proxies

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) {
	// Debian keeps two of them where the PATH of users does not look.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin")
	// Caddy keeps its configuration in the user's home; here it finds no such place.
	os.Setenv("XDG_CONFIG_HOME", os.DevNull)
	os.Exit(testtool.Main(m))
}

const (
	// proxyHost is where proxies listen. It is not 127.0.0.1, from where all
	// ordinary connections get their ports: one that was free stays free.
	proxyHost = "127.0.0.80"
	// proxySource is from where proxies connect to the daemon.
	proxySource = "127.0.0.1"
	// idleShipped is the idle time-out that deploy/ ships.
	idleShipped = 60 * time.Second
)

// A proxy is a program that can stand in front of the daemon.
type proxy struct {
	name    string
	program string
	config  string                                   // the file in deploy/
	args    func(config, folder string) []string     // of its command line, for the foreground
	check   func(run []string) []string              // those that only look at the configuration
	trust   []string                                 // what lets the daemon believe it about its clients
	edits   func(at site, idle time.Duration) []edit // what must differ from what is shipped
}

var proxies = []proxy{nginx, haproxy, haproxyV2, caddy}

// with returns a check that is one more argument.
func with(flag string) func([]string) []string {
	return func(run []string) []string { return append(run[:len(run):len(run)], flag) }
}

// An edit puts what this machine needs in the place of what is shipped.
type edit struct{ shipped, here string }

// A site is where things are on this machine.
type site struct {
	listen string // host:port of the proxy
	daemon string // host:port of the daemon
	folder string // the proxy may write here
}

// eachProxy runs a test behind every proxy there is.
func eachProxy(t *testing.T, test func(t *testing.T, p proxy)) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			testtool.Need(t, p.program)
			test(t, p)
		})
	}
}

// A front is a daemon with a proxy before it.
type front struct {
	daemon *testtool.Daemon
	proxy  *testtool.Command // what it writes is its log
	site
}

// behind starts the daemon with args, and p before it with an idle time-out.
func behind(t *testing.T, p proxy, idle time.Duration, args ...string) front {
	t.Helper()
	args = append(append([]string{"--log-level=debug"}, p.trust...), args...)
	d := testtool.Start(t, args...)
	at := site{testtool.FreePortOn(t, proxyHost), strings.TrimPrefix(d.Subscribe[0], "http://"), t.TempDir()}
	running := startProxy(t, p, at, p.configure(t, at, p.edits(at, idle)))
	return front{d, running, at}
}

// configure applies edits to the configuration that is shipped, and returns the
// path of the result.
func (p proxy) configure(t *testing.T, at site, edits []edit) string {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", p.config))
	if err != nil {
		t.Fatal(err)
	}
	text := string(shipped)
	for _, e := range edits {
		if n := strings.Count(text, e.shipped); n != 1 {
			t.Fatalf("deploy/%s has %q %d times, want it once: edit this test, too", p.config, e.shipped, n)
		}
		text = strings.Replace(text, e.shipped, e.here, 1)
	}
	path := filepath.Join(at.folder, p.config)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// startProxy starts p in the foreground, and returns once it listens.
func startProxy(t *testing.T, p proxy, at site, config string) *testtool.Command {
	t.Helper()
	program, args := testtool.Need(t, p.program), p.args(config, at.folder)
	if said, err := exec.Command(program, p.check(args)...).CombinedOutput(); err != nil {
		t.Fatalf("%s does not like deploy/%s: %v\n%s", p.program, p.config, err, said)
	}
	// In a group: nginx has workers, and they must not outlive the test either.
	running := testtool.StartGroup(t, nil, program, args...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s%s", p.program, running.Output(), running.Errors())
		}
	})
	testtool.WaitFor(t, p.name+" to listen", func() bool {
		conn, err := net.Dial("tcp", at.listen)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return running
}

// spelled writes a duration as all of them read it: 60s, or 1500ms.
func spelled(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
