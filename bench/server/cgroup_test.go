package server

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestFindOwnGroup checks the search for a group in /proc/self/cgroup.
func TestFindOwnGroup(t *testing.T) {
	const hybrid = "9:name=systemd:/user\n4:cpu,memory:/a/b\n3:memoryless:/c\n0::/d:e\n"
	for _, tt := range []struct{ text, controller, want string }{
		{hybrid, "memory", "/mnt/a/b"},
		{hybrid, "", "/mnt/d:e"},
		{"0::/\n", "", "/mnt"},
		{"0::/\n", "memory", ""},
		{"0::/../../x\n", "", "/mnt/x"}, // of another namespace; using it fails later if it does not exist
		{"nonsense", "", ""},
		{"", "", ""},
	} {
		if got := ownIn("/mnt", tt.text, tt.controller); got != tt.want {
			t.Errorf("%q of %q: got %q, want %q", tt.controller, tt.text, got, tt.want)
		}
	}
}

// folders creates a hierarchy of version 2 from plain files. shared maps each group to the
// controllers that it gives to its children.
func folders(t *testing.T, shared map[string]string) (mount string) {
	t.Helper()
	mount = t.TempDir()
	for group, controllers := range shared {
		dir := filepath.Join(mount, group)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(controllers+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return mount
}

// TestGroupIsCreatedWhereControllersAre verifies that a group is not created below the group that
// has processes, because that group has no controllers for its children.
func TestGroupIsCreatedWhereControllersAre(t *testing.T) {
	mount := folders(t, map[string]string{"": "cpu memory pids", "a": "memory", "a/b": "cpu memory_not", "a/b/c": "", "a/other": "memory"})
	for own, want := range map[string][]string{
		"a/b/c":   {"a", ""},
		"a":       {"a", ""},
		"":        {""},
		"a/other": {"a/other", "a", ""},
		"missing": {""},
	} {
		for i := range want {
			want[i] = filepath.Join(mount, want[i])
		}
		if got := sharingMemory(mount, filepath.Join(mount, own)); !slices.Equal(got, want) {
			t.Errorf("from %q: got %q, want %q", own, got, want)
		}
	}
}

// TestEnterCleansUpWithoutCgroups verifies that enter cleans up in a plain folder, where the kernel
// creates no files for a new group.
func TestEnterCleansUpWithoutCgroups(t *testing.T) {
	home := t.TempDir()
	for _, v2 := range []bool{true, false} {
		at := place{filepath.Join(home, "group"), home, v2}
		if entered, err := at.enter(os.Getpid(), 1<<30); entered || err != nil {
			t.Errorf("version 2 %v: entered %v, %v", v2, entered, err)
		}
		missing := place{filepath.Join(home, "no", "group"), home, v2}
		if entered, err := missing.enter(os.Getpid(), 1<<30); entered || err != nil {
			t.Errorf("version 2 %v, no parent: entered %v, %v", v2, entered, err)
		}
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestUndoMovesEveryProcessBack moves a server of two processes into a group and out of it.
func TestUndoMovesEveryProcessBack(t *testing.T) {
	floor := known(t, "", "floor")[0]
	p, err := Start(script(t, floor.Path+` "$@" & wait`), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	members, err := group(p.PID)
	if err != nil || len(members) != 2 {
		t.Fatalf("the group is %v, %v", members, err)
	}
	before := groupsOf(t, members)
	c, err := p.Confine(64 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Enforced() {
		lackGroup(t)
	}
	for i, inside := range groupsOf(t, members) {
		if inside == before[i] {
			t.Errorf("process %d was not moved", members[i])
		}
	}
	if err := c.at.undo(); err != nil {
		t.Fatal(err)
	}
	if after := groupsOf(t, members); !slices.Equal(after, before) {
		t.Errorf("the processes were in %q, and are in %q now", before, after)
	}
	if _, err := os.Stat(c.at.dir); !os.IsNotExist(err) {
		t.Errorf("the group still exists: %v", err)
	}
}

// groupsOf returns the groups of processes.
func groupsOf(t *testing.T, pids []int) (all []string) {
	t.Helper()
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}
