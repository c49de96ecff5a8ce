package proxies

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

func TestMain(m *testing.M) { os.Exit(testtool.Main(m)) }

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
	name   string
	config string                                    // the file in deploy/
	args   func(config, folder string) []string      // of its command line, for the foreground
	edits  func(at site, idle time.Duration) []edit  // what must differ from what is shipped
}

var proxies = []proxy{nginx, haproxy}

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
			testtool.Need(t, p.name)
			test(t, p)
		})
	}
}

// A front is a daemon with a proxy before it.
type front struct {
	daemon *testtool.Daemon
	proxy  string // host:port
}

// behind starts the daemon with args, and p before it with the idle time-out
// that is shipped.
func behind(t *testing.T, p proxy, args ...string) front {
	t.Helper()
	return behindIdle(t, p, idleShipped, nil, args...)
}

// behindIdle is behind with an idle time-out, and with more edits than p needs.
func behindIdle(t *testing.T, p proxy, idle time.Duration, more []edit, args ...string) front {
	t.Helper()
	d := testtool.Start(t, append([]string{"--log-level=debug"}, args...)...)
	at := site{freePort(t), strings.TrimPrefix(d.Subscribe[0], "http://"), t.TempDir()}
	config := p.configure(t, at, append(p.edits(at, idle), more...))
	startProxy(t, p, at, config)
	return front{d, at.listen}
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

// startProxy starts p in the foreground, in a process group of its own: nginx
// has workers, and they must not outlive the test either.
func startProxy(t *testing.T, p proxy, at site, config string) {
	t.Helper()
	output, err := os.Create(filepath.Join(at.folder, "output"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testtool.Need(t, p.name), p.args(config, at.folder)...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		output.Close()
		if said, err := os.ReadFile(output.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%s", p.name, said)
		}
	})
	testtool.WaitFor(t, p.name+" to listen", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended at once: %v", p.name, cmd.ProcessState)
		default:
		}
		conn, err := net.Dial("tcp", at.listen)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// freePort returns an address of proxyHost at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", proxyHost+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// seconds writes a duration as both proxies read it.
func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }
