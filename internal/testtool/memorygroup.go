package testtool

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A MemoryGroup is a control group with a memory limit. It is removed when the test ends.
type MemoryGroup struct{ dir string }

// NewMemoryGroup creates a control group, of version 1 or 2, with a memory limit in bytes. If the
// test may not create one, it is skipped.
func NewMemoryGroup(t testing.TB, bytes int) *MemoryGroup {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		Lack(t, "cannot read the control group of the test: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		mount, limit := "", ""
		switch controllers := strings.Split(part[1], ","); {
		case slices.Contains(controllers, "memory"):
			mount, limit = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case part[1] == "":
			mount, limit = "/sys/fs/cgroup", "memory.max"
		default:
			continue
		}
		for parent := filepath.Join(mount, filepath.Clean("/"+part[2])); len(parent) >= len(mount); parent = filepath.Dir(parent) {
			if dir, err := os.MkdirTemp(parent, "ssed-test-"); err == nil {
				g := &MemoryGroup{dir}
				t.Cleanup(func() {
					WaitFor(t, "the end of the memory group", func() bool { return os.Remove(dir) == nil })
				})
				if os.WriteFile(filepath.Join(dir, limit), strconv.AppendInt(nil, int64(bytes), 10), 0) == nil {
					return g
				}
			}
		}
	}
	Lack(t, "a memory group requires the right to create control groups")
	return nil
}

// Line returns a command line that runs the given one in the group.
func (g *MemoryGroup) Line(line ...string) []string {
	const script = `echo $$ >"$0/cgroup.procs" && exec "$@"`
	return append([]string{"sh", "-c", script, g.dir}, line...)
}

// Killed returns how many processes of the group the kernel killed because of the memory limit.
func (g *MemoryGroup) Killed(t testing.TB) (n int) {
	t.Helper()
	for _, name := range []string{"memory.events", "memory.oom_control"} {
		text, _ := os.ReadFile(filepath.Join(g.dir, name)) // either version has one of them
		for line := range strings.Lines(string(text)) {
			if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
				n, err := strconv.Atoi(count)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
	}
	t.Fatalf("%s has no count of killed processes", g.dir)
	return 0
}
