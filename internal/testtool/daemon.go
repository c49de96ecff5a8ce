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

// Patience is how long a test waits for a condition before it fails. It is long enough for slow
// machines under the race detector. A test that passes does not wait that long.
const Patience = 30 * time.Second

// A Daemon is a real ssed in its own process.
type Daemon struct {
	Subscribe []string // where subscribers connect, such as "http://127.0.0.1:40123"
	Publish   []string // where publishers connect, such as "tcp://127.0.0.1:40124"
	Admin     string   // URL of the admin pages, such as "http://127.0.0.1:40123/admin/"; empty if they are off
	Process   *os.Process

	cmd    *exec.Cmd
	stdout LockedBuffer
	stderr LockedBuffer
	ended  chan struct{} // closed once the process has ended
}

// Start starts "ssed args..." and returns once it serves. Unless args override that, it listens on
// free ports of 127.0.0.1 and disconnects all clients immediately when it stops. It does not get
// the SSED_ variables of the environment. If it still runs when the test ends, it is killed. If the
// test fails, the daemon's log is shown.
func Start(t testing.TB, args ...string) *Daemon {
	t.Helper()
	return StartEnv(t, nil, args...)
}

// StartEnv is Start with additional environment variables ("NAME=value").
func StartEnv(t testing.TB, env []string, args ...string) *Daemon {
	t.Helper()
	return start(t, exec.Command(Build(t), args...), env)
}

// StartLimited is Start with a hard limit on the number of open files.
func StartLimited(t testing.TB, files int, args ...string) *Daemon {
	t.Helper()
	limit := fmt.Sprintf("--nofile=%d:%d", files, files)
	return StartBy(t, append([]string{Need(t, "prlimit"), limit, Build(t)}, args...)...)
}

// StartBy is Start with a whole command line. It is for other binaries of the daemon, and for
// programs that execute the daemon.
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
	d.cmd.Env = slices.Concat(Environ(), LoopsEnviron(), defaults, env)
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
		t.Fatalf("ssed exited immediately: %s", d.Log())
	case <-time.After(Patience):
		t.Fatalf("ssed is not up after %v", Patience)
	}
	return d
}

// configures matches the variables that ssed reads: its own, PORT of hosting platforms, and those
// of systemd. If systemd runs the tests, it would mistake messages of the daemons for messages of
// its service.
var configures = regexp.MustCompile(`^(SSED_|PORT=|NOTIFY_SOCKET=|WATCHDOG_)`)

// Environ returns the environment without the variables that configure ssed. The log format is
// text, because tests and their authors read it.
func Environ() []string {
	// By default, a program with the race detector sleeps for a second before it exits.
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

// watch reads the daemon's log, and gets the daemon's addresses from it.
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

// Log returns the daemon's standard error so far.
func (d *Daemon) Log() string { return d.stderr.String() }

// Logged returns how many lines of the log contain all of these words.
func (d *Daemon) Logged(words ...string) (lines int) {
	for line := range strings.Lines(d.Log()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			lines++
		}
	}
	return lines
}

// Output returns the daemon's standard output so far.
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

// Stop sends SIGTERM to the daemon, like a service manager, and returns its exit code.
func (d *Daemon) Stop(t testing.TB) (code int) {
	t.Helper()
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return d.Wait(t)
}
