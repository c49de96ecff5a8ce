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
	// Debian installs two of the proxies in a folder that is not in the PATH of users.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin")
	// Caddy saves its configuration in the user's home folder. This setting prevents that.
	os.Setenv("XDG_CONFIG_HOME", os.DevNull)
	os.Exit(testtool.Main(m))
}

const (
	// proxyHost is the address that proxies listen on. Ordinary connections get their ports on
	// 127.0.0.1, so a free port on this address stays free.
	proxyHost = "127.0.0.80"
	// proxySource is the address from which proxies connect to the daemon.
	proxySource = "127.0.0.1"
	// idleShipped is the idle timeout in deploy/.
	idleShipped = 60 * time.Second
)

// A proxy is a program that can run in front of the daemon.
type proxy struct {
	name    string
	program string
	config  string                                   // the file in deploy/
	args    func(config, folder string) []string     // command-line arguments to run in the foreground
	check   func(run []string) []string              // arguments that only check the configuration
	trust   []string                                 // flags that make the daemon trust the proxy
	edits   func(at site, idle time.Duration) []edit // the changes to the shipped configuration
}

var proxies = []proxy{nginx, haproxy, haproxyV2, caddy}

// withFlag returns a check that adds one argument.
func withFlag(flag string) func([]string) []string {
	return func(run []string) []string { return append(run[:len(run):len(run)], flag) }
}

// An edit replaces a shipped text with one for this machine.
type edit struct{ shipped, here string }

// A site holds the addresses and the folder of a test.
type site struct {
	listen string // host:port of the proxy
	daemon string // host:port of the daemon
	folder string // a folder that the proxy may write to
}

// eachProxy runs a test behind every proxy.
func eachProxy(t *testing.T, test func(t *testing.T, p proxy)) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			testtool.Need(t, p.program)
			test(t, p)
		})
	}
}

// A front is a daemon with a proxy in front of it.
type front struct {
	daemon *testtool.Daemon
	proxy  *testtool.Command // its output is its log
	site
}

// behind starts the daemon with args, and p in front of it with an idle timeout.
func behind(t *testing.T, p proxy, idle time.Duration, args ...string) front {
	t.Helper()
	args = append(append([]string{"--log-level=debug"}, p.trust...), args...)
	d := testtool.Start(t, args...)
	at := site{testtool.FreePortOn(t, proxyHost), strings.TrimPrefix(d.Subscribe[0], "http://"), t.TempDir()}
	running := startProxy(t, p, at, p.configure(t, at, p.edits(at, idle)))
	return front{d, running, at}
}

// configure applies edits to the shipped configuration, and returns the path of the result.
func (p proxy) configure(t *testing.T, at site, edits []edit) string {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", p.config))
	if err != nil {
		t.Fatal(err)
	}
	text := string(shipped)
	for _, e := range edits {
		if n := strings.Count(text, e.shipped); n != 1 {
			t.Fatalf("deploy/%s has %q %d times, want once: change this test, too", p.config, e.shipped, n)
		}
		text = strings.Replace(text, e.shipped, e.here, 1)
	}
	path := filepath.Join(at.folder, p.config)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// startProxy starts p in the foreground, and returns when it listens.
func startProxy(t *testing.T, p proxy, at site, config string) *testtool.Command {
	t.Helper()
	program, args := testtool.Need(t, p.program), p.args(config, at.folder)
	if output, err := exec.Command(program, p.check(args)...).CombinedOutput(); err != nil {
		t.Fatalf("%s rejects deploy/%s: %v\n%s", p.program, p.config, err, output)
	}
	// Start it in a process group: nginx has workers, which must not outlive the test either.
	running := testtool.StartGroup(t, nil, program, args...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s printed:\n%s%s", p.program, running.Output(), running.Errors())
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

// spelled formats a duration in a form that all proxies understand: 60s, or 1500ms.
func spelled(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
