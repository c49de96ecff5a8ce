package server

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestConfinement checks a server with enough memory. If no group can be created, it checks only
// the peak.
func TestConfinement(t *testing.T) {
	floor, err := Build(t.TempDir(), []string{"floor"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(floor[0], -1)
	if err != nil {
		t.Fatal(err)
	}
	const bound = 64 << 20
	c, err := p.Confine(bound)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if peak, err := c.Peak(); err != nil || peak < 100<<10 || peak > bound {
		t.Errorf("peak is %d bytes, %v", peak, err)
	}
	for file, want := range map[string]string{"memory.memsw.limit_in_bytes": "67108864\n", "memory.swap.max": "0\n"} {
		if got, err := os.ReadFile(filepath.Join(c.at.dir, file)); c.Enforced() && err == nil && string(got) != want {
			t.Errorf("%s is %q, want %q: the group could swap", file, got, want)
		}
	}
	dir := c.at.dir
	c.Release()
	if p.Alive() {
		t.Error("the server is still running after Release")
	}
	if _, err := os.Stat(dir); dir != "" && !os.IsNotExist(err) {
		t.Errorf("the group %s still exists: %v", dir, err)
	}
}

// TestMemoryBoundIsEnforced starts a process that uses ten times its limit, and verifies that it is
// killed.
func TestMemoryBoundIsEnforced(t *testing.T) {
	sh := testtool.Need(t, "sh", "head", "tr", "sleep")
	stderr, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sh, "-c", `read go; x=$(head -c 320000000 /dev/zero | tr '\0' x); sleep 20`)
	goAhead, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{PID: cmd.Process.Pid, name: "tail", cmd: cmd, stderr: stderr, gone: make(chan struct{})}
	go func() {
		p.why = cmd.Wait()
		close(p.gone)
	}()
	c, err := p.Confine(32 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if !c.Enforced() {
		lackGroup(t)
	}
	io.WriteString(goAhead, "go\n")
	select {
	case <-p.gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the process uses ten times its limit and is still running")
	}
	if peak, err := c.Peak(); err != nil || peak < 16<<20 || peak > 40<<20 {
		t.Errorf("peak is %d bytes, %v", peak, err)
	}
}

// lackGroup skips a test that needs a group.
func lackGroup(t *testing.T) {
	t.Helper()
	testtool.Lack(t, "no memory group can be created here: it needs root and a writable memory controller")
}
