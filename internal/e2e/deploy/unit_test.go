package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// exposureMax limits the result of "systemd-analyze security", in tenths. 0 means that the service
// can do nothing. The rest is mainly the network access that ssed needs.
const exposureMax = "15"

// unit writes a copy of the unit that starts the binary of this test, and returns its path for
// systemd-analyze.
func unit(t *testing.T) string {
	t.Helper()
	text := edit(t, shipped(t, "deploy", "ssed.service"), "ExecStart=/usr/bin/ssed serve\n", "ExecStart="+testtool.Build(t)+" serve\n")
	path := filepath.Join(t.TempDir(), "ssed.service")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSystemdAcceptsTheUnit(t *testing.T) {
	testtool.Need(t, "systemd-analyze")
	if output := run(t, ".", "systemd-analyze", "verify", "--man=no", unit(t)); output != "" {
		t.Errorf("systemd-analyze verify printed:\n%s", output)
	}
}

func TestUnitIsHardened(t *testing.T) {
	testtool.Need(t, "systemd-analyze")
	output := run(t, ".", "systemd-analyze", "security", "--offline=yes", "--threshold="+exposureMax, "--no-pager", unit(t))
	if !strings.Contains(output, "Overall exposure level for ssed.service: ") {
		t.Errorf("systemd-analyze printed no exposure level:\n%s", output)
	}
}

// TestUnitAllowsTheDaemonsSystemCalls verifies that the unit's filter allows every system call of
// the daemon. The filter answers EPERM to all other calls, so a daemon would fail only in the code
// that needs a missing one, which may rarely run.
func TestUnitAllowsTheDaemonsSystemCalls(t *testing.T) {
	for name, args := range map[string][]string{
		"a history": {"--history=10"},
		"a store":   {"--store=" + filepath.Join(t.TempDir(), "store"), "--store-sync=always"},
	} {
		t.Run(name, func(t *testing.T) { wantAllowed(t, args...) })
	}
}

// wantAllowed traces a daemon that publishes, subscribes and serves its admin pages, from start to
// exit.
func wantAllowed(t *testing.T, args ...string) {
	t.Helper()
	strace := testtool.Need(t, "strace", "curl", "systemd-analyze")
	if out, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && strings.TrimSpace(string(out)) == "3" {
		testtool.Lack(t, "tracing is disabled on this machine: kernel.yama.ptrace_scope is 3 until the next boot")
	}
	allowed := filter(t)
	trace := filepath.Join(t.TempDir(), "trace")
	// With -D the daemon is our child, and strace exits with it.
	d := testtool.StartBy(t, append([]string{strace, "-D", "-f", "-qq", "-o", trace, testtool.Build(t),
		"serve", "--publish-loop=own", "--publish=tcp://127.0.0.1:0", "--publish=unix://" + filepath.Join(t.TempDir(), "publish.sock")}, args...)...)
	wantService(t, d)
	d.Publish = d.Publish[1:]
	wantService(t, d)
	run(t, ".", "curl", "-sf", "-o", "/dev/null", d.Admin, strings.TrimSuffix(d.Admin, "admin/")+"metrics")

	d.Stop(t)
	var text []byte
	testtool.WaitFor(t, "the end of the trace", func() bool {
		text, _ = os.ReadFile(trace)
		return strings.Contains(string(text), " exit_group(")
	})
	var called []string
	for _, found := range regexp.MustCompile(`(?m)^\d+ +([a-z_0-9]+)\(`).FindAllStringSubmatch(string(text), -1) {
		called = append(called, found[1])
	}
	slices.Sort(called)
	called = slices.Compact(called)
	if !slices.Contains(called, "accept4") || !slices.Contains(called, "epoll_ctl") {
		t.Fatalf("only these calls were seen: %q", called)
	}
	for _, call := range called {
		if !allowed[call] {
			t.Errorf("the daemon calls %s, but the unit does not allow it", call)
		}
	}
	wantFamilies(t, string(text))
	store := ""
	for _, arg := range args {
		if dir, ok := strings.CutPrefix(arg, "--store="); ok {
			store = dir
		}
	}
	wantFilesWithin(t, string(text), store)
}

// wantFamilies checks that the unit allows the address family of every socket in a trace.
func wantFamilies(t *testing.T, trace string) {
	t.Helper()
	allowed := regexp.MustCompile(`(?m)^RestrictAddressFamilies=(.+)$`).FindStringSubmatch(shipped(t, "deploy", "ssed.service"))
	sockets := regexp.MustCompile(`socket(?:pair)?\((AF_[A-Z0-9]+)`).FindAllStringSubmatch(trace, -1)
	if allowed == nil || len(sockets) == 0 {
		t.Fatalf("the unit allows %q, and %d sockets were seen", allowed, len(sockets))
	}
	for _, socket := range sockets {
		if !slices.Contains(strings.Fields(allowed[1]), socket[1]) {
			t.Errorf("the daemon opens a socket of %s, but the unit does not allow it", socket[1])
		}
	}
}

// wantFilesWithin checks that all files that a trace opened for writing are below a folder, for
// which the unit gives the daemon write access (StateDirectory=). If folder is empty, the daemon
// must not write any file.
func wantFilesWithin(t *testing.T, trace, folder string) {
	t.Helper()
	written := 0
	for _, file := range regexp.MustCompile(`openat\([^,]+, "([^"]+)", [A-Z_|]*O_(?:WRONLY|RDWR)`).FindAllStringSubmatch(trace, -1) {
		if within := folder != "" && strings.HasPrefix(file[1], folder+"/"); within {
			written++
		} else if file[1] != "/dev/null" {
			t.Errorf("the daemon writes to %s", file[1])
		}
	}
	if folder != "" && written < 3 {
		t.Errorf("only %d files of the store were seen: this test looks in the wrong place", written)
	}
}

// filter returns the system calls that SystemCallFilter= of the unit allows.
func filter(t *testing.T) map[string]bool {
	t.Helper()
	allowed := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.+)$`).FindAllStringSubmatch(shipped(t, "deploy", "ssed.service"), -1) {
		for _, set := range strings.Fields(line[2]) {
			for _, call := range expand(t, set) {
				allowed[call] = line[1] == ""
			}
		}
	}
	// systemd always allows these calls: without them, no program could be executed.
	for _, call := range expand(t, "@default") {
		allowed[call] = true
	}
	return allowed
}

// expand returns the calls of a set, including those of nested sets.
func expand(t *testing.T, set string) (calls []string) {
	t.Helper()
	list := run(t, ".", "systemd-analyze", "syscall-filter", "--no-pager", set)
	for line := range strings.Lines(list) {
		name := strings.TrimSpace(line)
		switch {
		case name == set || name == "" || strings.HasPrefix(name, "#"):
		case strings.HasPrefix(name, "@"):
			calls = append(calls, expand(t, name)...)
		default:
			calls = append(calls, name)
		}
	}
	return calls
}
