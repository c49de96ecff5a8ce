package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// place is a directory in which a control group that limits memory may be created.
type place struct {
	dir  string // the directory of the group
	home string // the group that the processes come from, and return to if the new group does not work
	v2   bool
}

// The usual mount points of both versions of control groups.
const (
	mountV2 = "/sys/fs/cgroup"
	mountV1 = "/sys/fs/cgroup/memory"
)

// places returns the places where a group may be created, the most likely first.
func places() (all []place) {
	name := fmt.Sprintf("ssed-bench-%d", os.Getpid())
	if home := ownGroup(mountV2, unix.CGROUP2_SUPER_MAGIC, ""); home != "" {
		for _, parent := range sharingMemory(mountV2, home) {
			all = append(all, place{filepath.Join(parent, name), home, true})
		}
	}
	if home := ownGroup(mountV1, unix.CGROUP_SUPER_MAGIC, "memory"); home != "" {
		all = append(all, place{filepath.Join(home, name), home, false})
	}
	return all
}

// ownGroup returns the directory of this process's group. It returns an empty string if this kind
// of hierarchy is not mounted.
func ownGroup(mount string, kind int64, controller string) string {
	var fs unix.Statfs_t
	if unix.Statfs(mount, &fs) != nil || int64(fs.Type) != kind {
		return ""
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	return ownIn(mount, string(text), controller)
}

// ownIn finds the line of a hierarchy in /proc/self/cgroup, for example "4:memory:/system.slice".
// The line of version 2 is "0::/system.slice" (cgroups(7)).
func ownIn(mount, text, controller string) string {
	for line := range strings.Lines(text) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) == 3 && slices.Contains(strings.Split(part[1], ","), controller) {
			return filepath.Join(mount, filepath.Clean("/"+part[2])) // "/../a" is outside of this mount
		}
	}
	return ""
}

// sharingMemory returns the groups of version 2 that give the memory controller to their children,
// from a group up to the mount. A group with processes is rarely among them, because it may not
// have such children (see the kernel's cgroup-v2.rst, "No Internal Process Constraint"). So the
// bench's own group is not among them, but a group above it is.
func sharingMemory(mount, group string) (all []string) {
	for ; ; group = filepath.Dir(group) {
		shared, err := os.ReadFile(filepath.Join(group, "cgroup.subtree_control"))
		if err == nil && slices.Contains(strings.Fields(string(shared)), "memory") {
			all = append(all, group)
		}
		if len(group) <= len(mount) {
			return all
		}
	}
}

// enter creates the group with its limit and moves every process of the server into it. If that is
// not possible here, it returns false and undoes all changes. An error means that undoing failed.
func (at place) enter(leader int, bytes int64) (entered bool, err error) {
	if os.Mkdir(at.dir, 0o755) != nil {
		return false, nil
	}
	if at.bound(bytes) == nil && at.take(leader) == nil {
		return true, nil
	}
	return false, at.undo()
}

// bound sets the group's limits. The group must not swap. If swap is counted separately, its limit
// is 0. If it is counted together with memory, both together have the same limit.
func (at place) bound(bytes int64) error {
	if !at.v2 {
		return errors.Join(at.write("memory.limit_in_bytes", bytes), at.write("memory.kmem.tcp.limit_in_bytes", bytes),
			unlessMissing(at.write("memory.memsw.limit_in_bytes", bytes)))
	}
	// Linux has memory.max since 4.5 and memory.peak since 5.19. A limit without the peak would not
	// show how much memory was needed.
	_, err := os.Stat(filepath.Join(at.dir, "memory.peak"))
	return errors.Join(err, at.write("memory.max", bytes), unlessMissing(at.write("memory.swap.max", 0)))
}

// unlessMissing ignores the error that a file does not exist. Swap that is not counted needs no
// limit, and a group that does not exist is already removed.
func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// take moves a server into the group, including the processes that it starts during the move. A
// child of a process in the group is born in the group.
func (at place) take(leader int) error {
	for taken := map[int]bool{}; ; {
		members, err := group(leader)
		if err != nil {
			return err
		}
		members = slices.DeleteFunc(members, func(pid int) bool { return taken[pid] })
		if len(members) == 0 {
			return nil
		}
		for _, pid := range members {
			if err := at.write("cgroup.procs", int64(pid)); err != nil && (pid == leader || !ended(err)) {
				return err
			}
			taken[pid] = true
		}
	}
}

// undo moves all processes back to the group they came from, and removes the group.
func (at place) undo() error {
	return at.remove(func() error {
		home := place{dir: at.home}
		text, err := os.ReadFile(filepath.Join(at.dir, "cgroup.procs"))
		for _, field := range strings.Fields(string(text)) {
			pid, _ := strconv.ParseInt(field, 10, 64)
			if err := home.write("cgroup.procs", pid); err != nil && !ended(err) {
				return fmt.Errorf("cannot move process %d out of %s: %w", pid, at.dir, err)
			}
		}
		return unlessMissing(err)
	})
}

// remove removes the group when it is empty, within a second. A process leaves its group a moment
// after its parent has waited for it. Before each attempt remove calls empty.
func (at place) remove(empty func() error) error {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
		if err := empty(); err != nil {
			return err
		}
		err := unlessMissing(os.Remove(at.dir))
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// write writes a number to one of the group's files, which the kernel has created.
func (at place) write(file string, number int64) error {
	f, err := os.OpenFile(filepath.Join(at.dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(strconv.AppendInt(nil, number, 10))
	return errors.Join(err, f.Close())
}
