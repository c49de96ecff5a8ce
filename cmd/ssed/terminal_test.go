package main

import (
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// wait waits until a program exits, and returns its exit code.
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

// TestOtherCommandsDoNotUseTheTerminal checks that only "ssed top" draws on the terminal. The
// library that it draws with must not query the terminal, read its input or change its mode when
// another command starts.
func TestOtherCommandsDoNotUseTheTerminal(t *testing.T) {
	testtool.Long(t, "every command runs in a terminal")
	t.Parallel()
	const typed = "typed ahead\n"
	d := testtool.Start(t, "--history", "10")
	p := testtool.DialPublisher(t, d.Publish[0])
	p.Send(t, "PUB /pets - x\n")
	p.Reply(t)
	for _, tt := range []struct {
		args   []string
		writes string
		runs   bool // until a signal stops it
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

// colors matches sequences that highlight text (SGR, ECMA-48 8.3.117).
var colors = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// asks matches the sequences that a terminal answers (DA, DSR, DECRQM, XTVERSION, the state of the
// keyboard, colors, terminfo). It also matches the sequences that change what its keys send.
var asks = regexp.MustCompile(`\x1b\[[?>=]?[0-9;]*(\$p|c|n|x|q|u)|\x1b\[[><=?][0-9;:]*m|\x1b\][0-9;]*;\?|\x1bP|\x05|\x1bZ`)

// TestTopRestoresTheTerminal checks that top restores the terminal however it exits, on several
// types of terminal. It must not query the terminal: an answer that arrives late, over a slow line,
// would become input of the shell.
func TestTopRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t)
	interrupt := func(s syscall.Signal) func(*testing.T, *testtool.Terminal, *exec.Cmd) {
		return func(t *testing.T, _ *testtool.Terminal, cmd *exec.Cmd) {
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	keys := func(keys string) func(*testing.T, *testtool.Terminal, *exec.Cmd) {
		return func(t *testing.T, terminal *testtool.Terminal, _ *exec.Cmd) { terminal.Type(t, keys) }
	}
	xterm := []string{"TERM=xterm-256color"}
	for _, tt := range []struct {
		name string
		env  []string
		end  func(*testing.T, *testtool.Terminal, *exec.Cmd)
	}{
		{"q", xterm, keys("q")},
		{"Ctrl-C", xterm, keys("\x03")},
		{"SIGINT", xterm, interrupt(syscall.SIGINT)},
		{"SIGTERM", xterm, interrupt(syscall.SIGTERM)},
		{"SIGHUP", xterm, interrupt(syscall.SIGHUP)},
		{"one that has all features", []string{"TERM=xterm-kitty", "TERM_PROGRAM=kitty", "COLORTERM=truecolor"}, keys("q")},
		{"over ssh", []string{"TERM=xterm-ghostty", "SSH_TTY=/dev/pts/0"}, keys("q")},
		{"Linux's console", []string{"TERM=linux"}, keys("q")},
		{"an old one", []string{"TERM=vt100"}, keys("q")},
		{"an unknown one", nil, keys("q")},
		{"no color", []string{"TERM=xterm", "NO_COLOR=1"}, keys("q")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			terminal := testtool.NewTerminal(t)
			before := terminal.Mode(t)
			cmd := terminal.Start(t, tt.env, testtool.Build(t), "top", d.Subscribe[0])
			testtool.WaitFor(t, "the screen", func() bool { return strings.Contains(terminal.Output(), "● live") })
			if mode := terminal.Mode(t); mode.Lflag&unix.ICANON != 0 {
				t.Fatal("the terminal is not raw, so this test proves nothing")
			}
			tt.end(t, terminal, cmd)
			if code := wait(t, cmd); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if after := terminal.Mode(t); after != before {
				t.Errorf("the terminal's mode was %+v and is %+v", before, after)
			}
			checkScreenLeft(t, terminal.Rest(t))
		})
	}
}

// checkScreenLeft expects every mode that was switched on to be off again, the cursor to be shown,
// and no queries.
func checkScreenLeft(t *testing.T, said string) {
	t.Helper()
	if found := asks.FindString(said); found != "" {
		t.Errorf("it queries the terminal or changes its keys: %q", found)
	}
	modes := map[string]bool{"25": true, "7": true} // initially on: the cursor, wrapping
	for _, m := range regexp.MustCompile(`\x1b\[\?([0-9;]+)([hl])`).FindAllStringSubmatch(said, -1) {
		for _, mode := range strings.Split(m[1], ";") {
			modes[mode] = m[2] == "h"
		}
	}
	for mode, set := range modes {
		if set != (mode == "25" || mode == "7") {
			t.Errorf("mode %s of the terminal is left %v", mode, set)
		}
	}
	if _, entered := modes["1049"]; !entered {
		t.Error("it has not used the other screen, so this test proves nothing")
	}
}

// TestTopResizes checks that top draws for the terminal's new size, however small.
func TestTopResizes(t *testing.T) {
	d := testtool.Start(t)
	terminal := testtool.NewTerminal(t)
	cmd := terminal.Start(t, []string{"TERM=xterm-256color"}, testtool.Build(t), "top", d.Subscribe[0])
	testtool.WaitFor(t, "the screen", func() bool { return strings.Contains(terminal.Output(), "● live") })
	for _, tt := range []struct {
		columns, lines uint16
		shows          string
	}{{50, 3, "the window is too small"}, {120, 40, "by name"}, {1, 1, ""}, {80, 24, "● live"}} {
		drawn := len(terminal.Output())
		terminal.Resize(t, tt.columns, tt.lines)
		testtool.WaitFor(t, "a new screen", func() bool {
			more := terminal.Output()[drawn:]
			return more != "" && strings.Contains(more, tt.shows)
		})
	}
	terminal.Type(t, "q")
	if code := wait(t, cmd); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
