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

// exposureMax bounds what "systemd-analyze security" finds, in tenths: 0 is a service
// that can do nothing. What is left to ssed is to be on the network.
const exposureMax = "15"

// unit writes the unit where systemd-analyze can read it, with the binary of this
// test, and returns its path.
func unit(t *testing.T) string {
	t.Helper()
	text := edit(t, shipped(t, "deploy", "ssed.service"), "ExecStart=/usr/bin/ssed serve\n", "ExecStart="+testtool.Build(t)+" serve\n")
	path := filepath.Join(t.TempDir(), "ssed.service")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSystemdUnderstandsTheUnit(t *testing.T) {
	testtool.Need(t, "systemd-analyze")
	if said := say(t, ".", "systemd-analyze", "verify", "--man=no", unit(t)); said != "" {
		t.Errorf("systemd-analyze verify says:\n%s", said)
	}
}

func TestTheUnitIsHardened(t *testing.T) {
	testtool.Need(t, "systemd-analyze")
	said := say(t, ".", "systemd-analyze", "security", "--offline=yes", "--threshold="+exposureMax, "--no-pager", unit(t))
	if !strings.Contains(said, "Overall exposure level for ssed.service: ") {
		t.Errorf("there is no verdict in:\n%s", said)
	}
}

// TestTheUnitAllowsWhatTheDaemonCalls: its filter answers EPERM to all else, and a
// daemon that is refused one call of a rare path would fail in that path only.
func TestTheUnitAllowsWhatTheDaemonCalls(t *testing.T) {
	for name, args := range map[string][]string{
		"a history": {"--history=10"},
		"a store":   {"--store=" + filepath.Join(t.TempDir(), "store"), "--store-sync=always"},
	} {
		t.Run(name, func(t *testing.T) { wantAllowed(t, args...) })
	}
}

// wantAllowed traces a daemon that does what a daemon does, from its start to its end.
func wantAllowed(t *testing.T, args ...string) {
	t.Helper()
	strace := testtool.Need(t, "strace", "curl", "systemd-analyze")
	if out, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && strings.TrimSpace(string(out)) == "3" {
		testtool.Lack(t, "nobody may trace on this machine: kernel.yama.ptrace_scope is 3 until it starts anew")
	}
	allowed := filter(t)
	trace := filepath.Join(t.TempDir(), "trace")
	// -D: the daemon is our child, and strace goes with it.
	d := testtool.StartBy(t, append([]string{strace, "-D", "-f", "-qq", "-o", trace, testtool.Build(t),
		"serve", "--publish-loop=own", "--publish=tcp://127.0.0.1:0", "--publish=unix://" + filepath.Join(t.TempDir(), "publish.sock")}, args...)...)
	wantService(t, d)
	d.Publish = d.Publish[1:]
	wantService(t, d)
	say(t, ".", "curl", "-sf", "-o", "/dev/null", d.Admin, strings.TrimSuffix(d.Admin, "admin/")+"metrics")

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
			t.Errorf("the daemon calls %s, and the unit does not allow that", call)
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

// wantFamilies wants every socket of a trace to be of a family that the unit allows.
func wantFamilies(t *testing.T, trace string) {
	t.Helper()
	allowed := regexp.MustCompile(`(?m)^RestrictAddressFamilies=(.+)$`).FindStringSubmatch(shipped(t, "deploy", "ssed.service"))
	sockets := regexp.MustCompile(`socket(?:pair)?\((AF_[A-Z0-9]+)`).FindAllStringSubmatch(trace, -1)
	if allowed == nil || len(sockets) == 0 {
		t.Fatalf("the unit allows %q, and %d sockets were seen", allowed, len(sockets))
	}
	for _, socket := range sockets {
		if !slices.Contains(strings.Fields(allowed[1]), socket[1]) {
			t.Errorf("the daemon makes a socket of %s, and the unit does not allow that", socket[1])
		}
	}
}

// wantFilesWithin wants the files that were opened for writing in a trace to be below
// a folder, which the unit lets the daemon write to (StateDirectory=); without one,
// none is written at all.
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

// filter returns the calls that SystemCallFilter= of the unit allows.
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
	// systemd allows these in any case: without them nothing can be executed.
	for _, call := range expand(t, "@default") {
		allowed[call] = true
	}
	return allowed
}

// expand returns the calls of a set, and of those that are in it.
func expand(t *testing.T, set string) (calls []string) {
	t.Helper()
	list := say(t, ".", "systemd-analyze", "syscall-filter", "--no-pager", set)
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
