package main

import (
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// wait waits until a program has ended, and returns its exit code.
func wait(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	testtool.WaitFor(t, "the program to end", func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	return cmd.ProcessState.ExitCode()
}

// TestOtherCommandsLeaveTheTerminalAlone: "ssed top" alone draws on the terminal.
// The library that it draws with must not ask the terminal anything, read what was
// typed, or change its mode when another command starts.
func TestOtherCommandsLeaveTheTerminalAlone(t *testing.T) {
	const typed = "typed ahead\n"
	d := testtool.Start(t, "--history", "10")
	p := testtool.DialPublisher(t, d.Publish[0])
	p.Send(t, "PUB /pets - x\n")
	p.Reply(t)
	for _, tt := range []struct {
		args   []string
		writes string
		runs   bool // until it is told to end
		code   int
	}{
		{[]string{"version"}, "ssed ", false, 0},
		{[]string{"--help"}, "Usage: ssed", false, 0},
		{[]string{"top", "--help"}, "Usage: ssed top", false, 0},
		{[]string{"top", "--once", d.Subscribe[0]}, "daemon  ", false, 0},
		{[]string{"top", "127.0.0.1:1"}, "no daemon answers", false, exitFailure},
		{[]string{"config"}, "listen = ", false, 0},
		{[]string{"check", "--listen", "127.0.0.1:0", "--publish", "tcp://127.0.0.1:0"}, "", false, 0},
		{[]string{"completion", "bash"}, "complete ", false, 0},
		{[]string{"pub", "/pets", "x", "--to", d.Publish[0]}, "", false, 0},
		{[]string{"sub", d.Subscribe[0], "/pets", "--last", "1", "--count", "1"}, "/pets", false, 0},
		{[]string{"doctor", d.Subscribe[0], "/pets", "--publish", d.Publish[0], "--idle", "1s"}, "/pets", false, 0},
		{[]string{"no-such-command"}, "ssed: ", false, exitUsage},
		{[]string{"serve", "--listen", "127.0.0.1:0", "--publish", "tcp://127.0.0.1:0"}, "ssed is up", true, 0},
		{[]string{"demo", "--listen", "127.0.0.1:0", "--publish", "tcp://127.0.0.1:0"}, "curl -N", true, 0},
	} {
		t.Run(strings.Join(tt.args[:min(2, len(tt.args))], " "), func(t *testing.T) {
			terminal := testtool.NewTerminal(t)
			before := terminal.Mode(t)
			terminal.Type(t, typed)
			cmd := terminal.Start(t, []string{"TERM=xterm-256color"}, testtool.Build(t), tt.args...)
			if tt.runs {
				testtool.WaitFor(t, tt.writes, func() bool { return strings.Contains(terminal.Output(), tt.writes) })
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			if code := wait(t, cmd); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if n := terminal.Unread(t); n != len(typed) {
				t.Errorf("%d bytes that were typed are left, want %d", n, len(typed))
			}
			if after := terminal.Mode(t); after != before {
				t.Errorf("the terminal's mode was %+v and is %+v", before, after)
			}
			said := terminal.Rest(t)
			if tt.args[0] == "sub" {
				said = colors.ReplaceAllString(said, "")
			}
			if !strings.Contains(said, tt.writes) || strings.ContainsAny(said, "\x1b\u009b") {
				t.Errorf("it wrote an escape sequence, or not %q: %q", tt.writes, said)
			}
		})
	}
}

// colors matches what makes text stand out (SGR, ECMA-48 8.3.117).
var colors = regexp.MustCompile(`\x1b\[[0-9;]*m`)
