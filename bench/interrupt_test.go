package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestInterruptLeavesNothingBehind sends SIGINT to a real bench in the middle of a run. It verifies
// that no process, file or control group remains after the bench has exited.
func TestInterruptLeavesNothingBehind(t *testing.T) {
	testtool.Long(t, "some seconds long")
	program := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, tt := range []struct {
		name, needs string
		args        []string
		amid        func(server string) bool // reports whether to interrupt the run now
	}{
		{"while it builds", "", []string{"fanout", "--server", "floor"}, building},
		{"as messages flow", "", []string{"fanout", "--server", "floor", "--json", "runs.json"}, crowded},
		{"with a bound on memory", "", []string{"emojitracker", "--server", "ssed"}, crowded},
		{"while nginx is held still", "nginx", []string{"accept", "--server", "nchan", "--case", "waiting"}, heldStill},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.needs != "" {
				testtool.Need(t, tt.needs)
			}
			interrupt(t, program, tt.args, tt.amid)
		})
	}
}

// interrupt starts a bench, interrupts it when amid reports true for a server process, and checks
// that nothing remains.
func interrupt(t *testing.T, program string, args []string, amid func(server string) bool) {
	temp, work := t.TempDir(), t.TempDir()
	cmd := exec.Command(program, append(args, "--seconds", "20", "--server-cpu=-1", "--load-cpu=-1")...)
	module, err := os.Getwd() // where the servers are built
	if err != nil {
		t.Fatal(err)
	}
	for i, arg := range cmd.Args {
		if arg == "runs.json" {
			cmd.Args[i] = filepath.Join(work, arg)
		}
	}
	var said bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = module, append(os.Environ(), "TMPDIR="+temp), &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var left []string // paths that must not exist afterwards
	testtool.WaitFor(t, "the middle of a run", func() bool {
		servers := children(cmd.Process.Pid)
		for _, server := range servers {
			if amid(server) {
				left = append(servers, groupsOf(server)...)
				return true
			}
		}
		return false
	})
	sent := time.Now()
	cmd.Process.Signal(os.Interrupt)
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), "bench: interrupted") {
		t.Errorf("bench exited with %v and printed %q", err, &said)
	}
	t.Logf("bench exited after %v, with %q", time.Since(sent), left)
	for _, dir := range []string{temp, work} {
		if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
			t.Errorf("left behind: %v, %v", files, err)
		}
	}
	for _, path := range left {
		if _, err := os.Stat(path); err == nil && fieldsOf(path)[0] != "Z" {
			t.Errorf("%s is still there", path)
		}
	}
}

// children returns the /proc folders of all descendants of a process.
func children(pid int) (all []string) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, child := range strings.Fields(string(text)) {
			var number int
			fmt.Sscan(child, &number)
			all = append(append(all, "/proc/"+child), children(number)...)
		}
	}
	return all
}

// crowded reports whether a process has more than 100 descriptors open. The go tool, which is a
// child at first, has fewer.
func crowded(process string) bool {
	open, _ := os.ReadDir(filepath.Join(process, "fd"))
	return len(open) > 100
}

func building(process string) bool {
	name, _ := os.ReadFile(filepath.Join(process, "comm"))
	return string(name) == "go\n"
}

func heldStill(process string) bool { return fieldsOf(process)[0] == "T" }

// fieldsOf returns the fields of /proc/PID/stat, starting with the state.
func fieldsOf(process string) []string {
	stat, err := os.ReadFile(filepath.Join(process, "stat"))
	if err != nil {
		return []string{""}
	}
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// groupsOf returns the folders of the control groups that were created for a process.
func groupsOf(process string) (all []string) {
	text, _ := os.ReadFile(filepath.Join(process, "cgroup"))
	for line := range strings.Lines(string(text)) {
		_, path, _ := strings.Cut(strings.TrimSpace(line), ":")
		if _, path, _ = strings.Cut(path, ":"); strings.Contains(path, "ssed-bench-") {
			all = append(all, filepath.Join("/sys/fs/cgroup", path), filepath.Join("/sys/fs/cgroup/memory", path))
		}
	}
	return all
}
