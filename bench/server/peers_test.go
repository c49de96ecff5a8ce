package server

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// known builds the named servers. It skips the test if nginx or Node.js is needed but missing.
func known(t *testing.T, needs string, names ...string) []Spec {
	t.Helper()
	if needs != "" {
		testtool.Need(t, needs)
	}
	specs, err := Build(t.TempDir(), names)
	if err != nil {
		t.Fatal(err)
	}
	return specs
}

// TestServerVersionLines checks the version lines of servers.
func TestServerVersionLines(t *testing.T) {
	tests := []struct{ name, needs, begins string }{
		{"ssed", "", "ssed "},
		{"floor", "", "github.com/ssed/ssed/bench/floor "},
		{"sseserver", "", "sseserver v1."},
		{"node", "node", "node v"},
		{"nchan", "nginx", "nchan 1."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := known(t, tt.needs, tt.name)[0]
			got, err := spec.Version()
			if err != nil || !strings.HasPrefix(got, tt.begins) || strings.Contains(got, "\n") {
				t.Errorf("version %q, %v, want one line that begins with %q", got, err, tt.begins)
			}
			if spec.Peer != strings.Contains(got, "; ") {
				t.Errorf("version %q: want a list of changes for peers only", got)
			}
		})
	}
}

// TestUnavailablePeersAreSkipped verifies that a peer without its program is skipped. PATH contains
// only the go tool, so Node.js is missing.
func TestUnavailablePeersAreSkipped(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(goTool, filepath.Join(bin, "go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	var said bytes.Buffer
	if specs := buildPeers(t.TempDir(), []string{"node"}, &said); len(specs) > 0 || !strings.HasPrefix(said.String(), "bench: skipping node: ") {
		t.Errorf("got %+v, and the output %q", specs, &said)
	}
	if _, err := Build(t.TempDir(), []string{"node"}); err == nil {
		t.Error("a peer named explicitly was skipped without an error")
	}
}

// TestNginxStartsAndEndsWithItsWorker verifies that Stop leaves neither processes nor listeners of
// nginx.
func TestNginxStartsAndEndsWithItsWorker(t *testing.T) {
	p, err := Start(known(t, "nginx", "nchan")[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	var members []int
	testtool.WaitFor(t, "the worker", func() bool {
		members, err = group(p.PID)
		return err != nil || len(members) == 2
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	gone(t, p, members)
}

// gone fails the test if a process or a listener still exists.
func gone(t *testing.T, p *Process, members []int) {
	t.Helper()
	for _, pid := range members {
		if state := stateOf(pid); state != "" && state != "Z" {
			t.Errorf("process %d is in state %s after Stop", pid, state)
		}
	}
	for _, address := range []string{p.Subscribe, p.Publish} {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("%s still has a listener after Stop", address)
		}
	}
}

// stateOf returns the state letter in /proc/PID/stat, or an empty string.
func stateOf(pid int) string {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	return fields[0]
}

// TestChildrenCount verifies that the children of a server are measured, paused and stopped with
// it. The server is a shell that starts the floor and does not stop it.
func TestChildrenCount(t *testing.T) {
	floor := known(t, "", "floor")[0]
	p, err := Start(script(t, floor.Path+` "$@" & wait`), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	members, err := group(p.PID)
	if err != nil || len(members) != 2 || members[0] != p.PID {
		t.Fatalf("the group is %v, %v", members, err)
	}
	child := members[1]
	part, partErr := workOfOne(child)
	shell, shellErr := workOfOne(p.PID)
	whole, err := WorkOf(p.PID)
	if err != nil || partErr != nil || shellErr != nil || part <= 0 || whole < part+shell {
		t.Errorf("usage %v, before that the child's %v and the shell's %v (%v, %v, %v)", whole, part, shell, err, partErr, shellErr)
	}
	own := &Process{PID: child} // it leads no group, so it is only itself
	both, err := p.Files()
	alone, aloneErr := own.Files()
	if err != nil || aloneErr != nil || both < alone+3 {
		t.Errorf("%d descriptors, of which the child has %d (%v, %v)", both, alone, err, aloneErr)
	}
	checkMemory(t, p, own)

	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	testtool.WaitFor(t, "the child to be paused", func() bool { return stateOf(child) == "T" })
	p.Stop()
	gone(t, p, members)
	if err := p.Pause(); err == nil {
		t.Error("a server that has exited was paused")
	}
}

// checkMemory compares a server's memory with the memory of its child, which is most of it. Shared
// pages count less than twice.
func checkMemory(t *testing.T, p, child *Process) {
	t.Helper()
	whole, err := p.RSS()
	part, partErr := child.RSS()
	t.Logf("RSS is %d bytes, the child's %d", whole, part)
	if err != nil || partErr != nil || whole < part*3/4 || whole > part+4<<20 {
		t.Errorf("RSS is %d bytes, the child's %d (%v, %v)", whole, part, err, partErr)
	}
	if err := p.ForgetPeak(); err != nil {
		t.Error(err)
	}
	whole, err = p.PeakRSS()
	part, partErr = child.PeakRSS()
	if err != nil || partErr != nil || whole <= part {
		t.Errorf("peak RSS is %d bytes, the child's %d (%v, %v)", whole, part, err, partErr)
	}
}

// TestGroupExcludesOwnChildren verifies that group excludes the children of this process, because
// they are the servers.
func TestGroupExcludesOwnChildren(t *testing.T) {
	p, err := Start(known(t, "", "floor")[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if members, err := group(os.Getpid()); err != nil || !slices.Equal(members, []int{os.Getpid()}) {
		t.Errorf("the group is %v, %v", members, err)
	}
}
