package testtool

import (
	"os/exec"
	"testing"
)

// A Command is another program that runs during a test, such as curl.
type Command struct {
	stdout, stderr LockedBuffer
}

// StartCommand starts a program. It is killed when the test ends.
func StartCommand(t testing.TB, program string, args ...string) *Command {
	t.Helper()
	Started(t, program)
	c := &Command{}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &c.stdout, &c.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return c
}

// Output returns the program's standard output so far.
func (c *Command) Output() string { return c.stdout.String() }

// Errors returns the program's standard error so far.
func (c *Command) Errors() string { return c.stderr.String() }
