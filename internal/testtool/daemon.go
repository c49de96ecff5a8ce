package testtool

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for a condition before it gives up. It is
// generous, for slow machines under the race detector; a test that passes does
// not wait for it.
const Patience = 30 * time.Second

// A Daemon is a real ssed that runs as a process of its own.
type Daemon struct {
	Subscribe []string // where subscribers connect, such as "http://127.0.0.1:40123"
	Publish   []string // where publishers connect, such as "tcp://127.0.0.1:40124"
	Admin     string   // the page of the admin pages, such as "http://127.0.0.1:40123/admin/"; empty if they are off
	Process   *os.Process

	cmd    *exec.Cmd
	stdout LockedBuffer
	stderr LockedBuffer
	ended  chan struct{} // closed once the process is gone
}

// Start starts "ssed args..." and returns once it serves. Unless args say otherwise it listens on
// free ports of 127.0.0.1, and does not let its clients leave one by one when it ends. The
// environment's SSED_ variables are kept from it. It is killed when the test ends, if it still runs
// then, and what it logged is shown if the test failed.
func Start(t testing.TB, args ...string) *Daemon {
	t.Helper()
	return StartEnv(t, nil, args...)
}

// StartEnv is Start with environment variables ("NAME=value") on top.
func StartEnv(t testing.TB, env []string, args ...string) *Daemon {
	t.Helper()
	return start(t, exec.Command(Build(t), args...), env)
}

// StartLimited is Start for a daemon that may open so many files, and may not
// raise that.
func StartLimited(t testing.TB, files int, args ...string) *Daemon {
	t.Helper()
	limit := fmt.Sprintf("--nofile=%d:%d", files, files)
	return StartBy(t, append([]string{Need(t, "prlimit"), limit, Build(t)}, args...)...)
}

// StartBy is Start for a daemon of another binary, or one that another program
// becomes: the whole command line.
func StartBy(t testing.TB, line ...string) *Daemon {
	t.Helper()
	return start(t, exec.Command(line[0], line[1:]...), nil)
}

func start(t testing.TB, cmd *exec.Cmd, env []string) *Daemon {
	t.Helper()
	Started(t, "a daemon")
	d := &Daemon{cmd: cmd, ended: make(chan struct{})}
	// A test may start another daemon on these addresses later, so they are reserved.
	defaults := []string{"SSED_LISTEN=" + FreePort(t), "SSED_PUBLISH=tcp://" + FreePort(t), "SSED_DRAIN=0s"}
	d.cmd.Env = append(append(Environ(), defaults...), env...)
	d.cmd.Stdout = &d.stdout
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.Process = d.cmd.Process
	up := make(chan struct{})
	go d.watch(stderr, up)
	t.Cleanup(func() {
		d.Process.Kill()
		<-d.ended
		if strings.Contains(d.Log(), "DATA RACE") {
			t.Error("the race detector found something")
		}
		if t.Failed() {
			t.Logf("ssed %s logged:\n%s", strings.Join(cmd.Args[1:], " "), d.Log())
		}
	})
	select {
	case <-up:
	case <-d.ended:
		t.Fatalf("ssed ended at once: %s", d.Log())
	case <-time.After(Patience):
		t.Fatalf("ssed is not up after %v", Patience)
	}
	return d
}

// configures matches the variables that ssed reads: its own, a platform's, and those by which
// systemd, if it runs the tests, would take our daemons' messages for its service's.
var configures = regexp.MustCompile(`^(SSED_|PORT=|NOTIFY_SOCKET=|WATCHDOG_)`)

// Environ is the environment without what would configure ssed, but for the log: it
// is text, as people and the tests here read it.
func Environ() []string {
	// A program with the race detector sleeps a second before it ends.
	kept := []string{"GORACE=atexit_sleep_ms=50", "SSED_LOG_FORMAT=text"}
	for _, variable := range os.Environ() {
		if !configures.MatchString(variable) {
			kept = append(kept, variable)
		}
	}
	return kept
}

// upLine is what the daemon logs once it accepts connections.
var upLine = regexp.MustCompile(`msg="ssed is up" listen=("[^"]*"|\S+) publish=("[^"]*"|\S+) admin=("[^"]*"|\S+)`)

// watch keeps what the daemon logs, and finds its addresses in there.
func (d *Daemon) watch(stderr io.Reader, up chan<- struct{}) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		d.stderr.Write([]byte(line))
		if found := upLine.FindStringSubmatch(line); found != nil {
			d.Subscribe = strings.Fields(strings.Trim(found[1], `"`))
			d.Publish = strings.Fields(strings.Trim(found[2], `"`))
			d.Admin = strings.Trim(found[3], `"`)
			close(up)
		}
		if err != nil {
			break
		}
	}
	d.cmd.Wait()
	close(d.ended)
}

// Log is what the daemon wrote to standard error so far.
func (d *Daemon) Log() string { return d.stderr.String() }

// Logged returns how many lines of the log hold all of these words.
func (d *Daemon) Logged(words ...string) (lines int) {
	for line := range strings.Lines(d.Log()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			lines++
		}
	}
	return lines
}

// Output is what the daemon wrote to standard output so far.
func (d *Daemon) Output() string { return d.stdout.String() }

// Wait waits until the daemon has ended, and returns its exit code.
func (d *Daemon) Wait(t testing.TB) (code int) {
	t.Helper()
	select {
	case <-d.ended:
	case <-time.After(Patience):
		t.Fatalf("ssed still runs after %v", Patience)
	}
	return d.cmd.ProcessState.ExitCode()
}

// Stop asks the daemon to end, as a service manager does, and returns its exit
// code.
func (d *Daemon) Stop(t testing.TB) (code int) {
	t.Helper()
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return d.Wait(t)
}
