package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Confinement is a server that has only so much memory: a control group of its own where one can be made (that takes root), and else
// only its peak, which says whether it would have been enough.
type Confinement struct {
	p     *Process
	dir   string // of the group, or empty
	v2    bool
	early int64 // bytes that it had before, which the group does not count
}

// Confine bounds the memory of a server, by control groups of version 2 or 1. The kernel's socket buffers count: in version 2 by
// themselves, in version 1 in a sum of their own with the same bound.
func (p *Process) Confine(bytes int64) (*Confinement, error) {
	early, err := p.RSS()
	if err != nil {
		return nil, err
	}
	for _, c := range []*Confinement{{p: p, dir: groupV2(), v2: true, early: early}, {p: p, dir: groupV1(), early: early}} {
		if c.dir == "" || c.enter(bytes) != nil {
			continue
		}
		return c, nil
	}
	return &Confinement{p: p}, nil
}

// Where groups are, by proc(5): the hierarchy's mount and this process's own place in it.
const (
	mountV2 = "/sys/fs/cgroup"
	mountV1 = "/sys/fs/cgroup/memory"
)

func groupV2() string { return ownGroup(mountV2, unix.CGROUP2_SUPER_MAGIC, "") }
func groupV1() string { return ownGroup(mountV1, unix.CGROUP_SUPER_MAGIC, "memory") }

// ownGroup returns the directory for a group below this process's, or an empty string if that kind of hierarchy is not mounted.
func ownGroup(mount string, kind int64, controllers string) string {
	var fs unix.Statfs_t
	if unix.Statfs(mount, &fs) != nil || int64(fs.Type) != kind {
		return ""
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		// 4:memory:/system.slice
		if part := strings.SplitN(strings.TrimSpace(line), ":", 3); len(part) == 3 && part[1] == controllers {
			return filepath.Join(mount, part[2], fmt.Sprintf("ssed-bench-%d", os.Getpid()))
		}
	}
	return ""
}

// enter makes the group, with its bound, and puts every process of the server into it.
func (c *Confinement) enter(bytes int64) error {
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return err
	}
	limits := []string{"memory.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes"}
	if c.v2 {
		limits = []string{"memory.max"}
	}
	for _, file := range limits {
		if err := c.write(file, bytes); err != nil {
			return errors.Join(err, os.Remove(c.dir))
		}
	}
	processes, err := group(c.p.PID)
	if err != nil {
		return errors.Join(err, os.Remove(c.dir))
	}
	for _, pid := range processes {
		if err := c.write("cgroup.procs", int64(pid)); err != nil {
			return errors.Join(err, os.Remove(c.dir))
		}
	}
	return nil
}

func (c *Confinement) write(file string, number int64) error {
	return os.WriteFile(filepath.Join(c.dir, file), strconv.AppendInt(nil, number, 10), 0)
}

// Enforced says whether the kernel holds the server to its bound.
func (c *Confinement) Enforced() bool { return c.dir != "" }

// Peak returns the most memory that the server has had at a time, in bytes: of its group, and else its resident set.
func (c *Confinement) Peak() (int64, error) {
	if c.dir == "" {
		return c.p.PeakRSS()
	}
	files := []string{"memory.max_usage_in_bytes", "memory.kmem.tcp.max_usage_in_bytes"}
	if c.v2 {
		files = []string{"memory.peak"}
	}
	sum := c.early
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(c.dir, file))
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		sum += n
	}
	return sum, nil
}

// Release ends the server, whose memory is bounded for life, and removes its group.
func (c *Confinement) Release() {
	c.p.Stop()
	if c.dir == "" {
		return
	}
	// A process leaves its group a moment after it was waited for.
	for deadline := time.Now().Add(time.Second); os.Remove(c.dir) != nil && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}
