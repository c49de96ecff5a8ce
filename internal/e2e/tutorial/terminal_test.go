package tutorial

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

const (
	prompt     = "$ "
	promptMore = "> " // the prompt for the rest of an incomplete command
)

// A terminal is a shell in a pseudo-terminal (pty(7)), in which programs print the same as for a
// user.
type terminal struct {
	name    string
	master  *os.File
	shell   *exec.Cmd
	known   epochs
	running string // the last command that was typed

	mu    sync.Mutex
	shown strings.Builder // its complete output
	read  int             // offset of the output that is not yet compared
}

// style matches the escape sequences for colors.
var style = regexp.MustCompile("\x1b\\[[0-9;]*m")

// openTerminal starts a shell. The caller must run in the network namespace of the shell.
func openTerminal(t *testing.T, name, folder string, env []string, known epochs) *terminal {
	t.Helper()
	master, slave := testtool.OpenTerminal(t)
	defer slave.Close()

	term := &terminal{name: name, master: master, known: known}
	term.shell = exec.Command(testtool.Need(t, "bash"), "--norc", "--noprofile", "--noediting", "-i")
	term.shell.Dir, term.shell.Env = folder, env
	term.shell.Stdin, term.shell.Stdout, term.shell.Stderr = slave, slave, slave
	term.shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.shell.Start(); err != nil {
		t.Fatal(err)
	}
	go term.watch()
	t.Cleanup(func() { term.close(t) })
	return term
}

// close kills the shell, and its foreground process if the test has left one.
func (term *terminal) close(t *testing.T) {
	if foreground, err := unix.IoctlGetInt(int(term.master.Fd()), unix.TIOCGPGRP); err == nil && foreground > 1 {
		syscall.Kill(-foreground, syscall.SIGKILL)
	}
	syscall.Kill(-term.shell.Process.Pid, syscall.SIGKILL)
	term.shell.Wait()
	if t.Failed() {
		t.Logf("%s printed:\n%s", term.name, term.text())
	}
}

func (term *terminal) watch() {
	some := make([]byte, 4096)
	for {
		n, err := term.master.Read(some)
		term.mu.Lock()
		term.shown.Write(some[:n])
		term.mu.Unlock()
		if err != nil {
			return // EIO: the other end is closed
		}
	}
}

// text returns the complete output, without colors.
func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return style.ReplaceAllString(strings.ReplaceAll(term.shown.String(), "\r\n", "\n"), "")
}

// rest returns the output that is not yet compared.
func (term *terminal) rest() string { return term.text()[term.read:] }

// next returns the next complete line. It skips heartbeats, which come at any time.
func (term *terminal) next() (line string, ok bool) {
	for deadline := time.Now().Add(testtool.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		rest := strings.TrimPrefix(term.rest(), ":keepalive\n\n")
		line, _, whole := strings.Cut(rest, "\n")
		if whole && line != ":keepalive" {
			term.read = len(term.text()) - len(rest) + len(line) + 1
			return line, true
		}
	}
	return "", false
}

// wantPrompt waits for a prompt, and fails the test if there is other output.
func (term *terminal) wantPrompt(t *testing.T, where, prompt string) {
	t.Helper()
	rest := ""
	for deadline := time.Now().Add(testtool.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if rest = strings.TrimPrefix(term.rest(), ":keepalive\n\n"); rest == prompt {
			term.read = len(term.text()) - len(rest)
			return
		}
		if strings.HasSuffix(rest, "\n"+prompt) {
			break // there is other output before the prompt
		}
	}
	t.Fatalf("%s: %s shows %q, want only %q", where, term.name, rest, prompt)
}

// follow types the commands of a block, and checks the output.
func (term *terminal) follow(t *testing.T, b block) {
	t.Helper()
	skip, typing := false, false
	for i, line := range b.lines {
		where := fmt.Sprintf("docs/tutorial.md:%d", b.line+1+i)
		switch {
		case line == "...":
			skip = true
			continue
		case strings.HasPrefix(line, prompt):
			if skip {
				term.skipToPrompt(t)
			}
			term.running, typing = line[len(prompt):], true
			term.enter(t, where, prompt, term.running)
		case line == "^C":
			term.press(t, where, skip)
		case typing && strings.HasPrefix(line, promptMore):
			term.enter(t, where, promptMore, line[len(promptMore):])
		default:
			typing = false
			term.want(t, where, line, skip)
		}
		skip = false
	}
	if skip {
		term.skipToPrompt(t)
	}
}

// enter types a line, and checks the echo.
func (term *terminal) enter(t *testing.T, where, prompt, line string) {
	t.Helper()
	term.wantPrompt(t, where, prompt)
	line = term.known.real(t, line)
	term.master.WriteString(line + "\n")
	if echo, _ := term.next(); echo != prompt+line {
		t.Fatalf("%s: %q was typed, and %s shows %q", where, line, term.name, echo)
	}
}

// press presses Ctrl-C. The next output may begin on the same line, because some programs print
// nothing on Ctrl-C.
func (term *terminal) press(t *testing.T, where string, skip bool) {
	t.Helper()
	term.master.Write([]byte{3})
	testtool.WaitFor(t, ""+term.running+" to stop", func() bool { return strings.Contains(term.rest(), "^C") && !strings.HasSuffix(term.rest(), "^C") })
	before, after, _ := strings.Cut(term.rest(), "^C")
	if before = strings.TrimPrefix(before, ":keepalive\n\n"); before != "" && !skip {
		t.Fatalf("%s: before Ctrl-C, %s shows %q", where, term.name, before)
	}
	term.read = len(term.text()) - len(strings.TrimPrefix(after, "\n"))
}

// want waits for a line. Other lines before it fail the test, unless they are skipped.
func (term *terminal) want(t *testing.T, where, line string, skip bool) {
	t.Helper()
	for {
		switch got, ok := term.next(); {
		case !ok:
			t.Fatalf("%s: waited for %q; %s shows %q", where, line, term.name, term.rest())
		case term.known.same(line, got):
			return
		case !skip:
			t.Fatalf("%s: %s shows\n%s\nbut the tutorial shows\n%s", where, term.name, got, line)
		}
	}
}

// skipToPrompt skips all output before the next prompt.
func (term *terminal) skipToPrompt(t *testing.T) {
	t.Helper()
	testtool.WaitFor(t, "the prompt of "+term.name, func() bool { return strings.HasSuffix(term.rest(), "\n"+prompt) || term.rest() == prompt })
	term.read = len(term.text()) - len(prompt)
}
