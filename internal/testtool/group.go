package testtool

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// StartGroup is StartCommand for a program that starts others, as a browser does:
// it leads a process group of its own, and the whole group is killed when the test
// ends. env are environment variables ("NAME=value") on top.
func StartGroup(t testing.TB, env []string, program string, args ...string) *Command {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	return startGroup(t, cmd)
}

func startGroup(t testing.TB, cmd *exec.Cmd) *Command {
	t.Helper()
	Started(t, cmd.Path)
	c := &Command{}
	cmd.Stdout, cmd.Stderr = &c.stdout, &c.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// One that left the group may hold its output open: do not wait for it.
	cmd.WaitDelay = Patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	return c
}
