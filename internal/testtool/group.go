package testtool

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// StartGroup is StartCommand for a program that starts others, such as a browser. The program gets
// its own process group. The whole group is killed when the test ends. env contains additional
// environment variables ("NAME=value").
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
	// A process that has left the group may keep the output open. Do not wait for it.
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
