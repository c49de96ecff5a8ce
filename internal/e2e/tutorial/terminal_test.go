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
	promptMore = "> " // where a command is not complete
)

// A terminal is a shell at a pseudo-terminal (pty(7)), so that programs say what they
// say to people.
type terminal struct {
	name    string
	master  *os.File
	shell   *exec.Cmd
	known   epochs
	running string // the last command that was typed

	mu    sync.Mutex
	shown strings.Builder // all that it ever showed
	read  int             // so much of it was compared
}

// style is how a terminal is told of colors.
var style = regexp.MustCompile("\x1b\\[[0-9;]*m")

// openTerminal starts a shell. The caller is in the place that it shall be in.
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

// close ends the shell, and what it has in the foreground, if the test has left
// something there.
func (term *terminal) close(t *testing.T) {
	if foreground, err := unix.IoctlGetInt(int(term.master.Fd()), unix.TIOCGPGRP); err == nil && foreground > 1 {
		syscall.Kill(-foreground, syscall.SIGKILL)
	}
	syscall.Kill(-term.shell.Process.Pid, syscall.SIGKILL)
	term.shell.Wait()
	if t.Failed() {
		t.Logf("%s showed:\n%s", term.name, term.text())
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
			return // EIO: nobody has the other end any more
		}
	}
}

// text is all that the terminal has shown.
func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return style.ReplaceAllString(strings.ReplaceAll(term.shown.String(), "\r\n", "\n"), "")
}

// rest is what was not compared yet.
func (term *terminal) rest() string { return term.text()[term.read:] }

// next returns the next whole line. Heartbeats come when they like, and are passed over.
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

// wantNothingBut wants nothing but a prompt.
func (term *terminal) wantNothingBut(t *testing.T, where, prompt string) {
	t.Helper()
	rest := ""
	for deadline := time.Now().Add(testtool.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if rest = strings.TrimPrefix(term.rest(), ":keepalive\n\n"); rest == prompt {
			term.read = len(term.text()) - len(rest)
			return
		}
		if strings.HasSuffix(rest, "\n"+prompt) {
			break // there is more than that
		}
	}
	t.Fatalf("%s: %s shows %q, where nothing but %q should be", where, term.name, rest, prompt)
}

// follow does what a block says.
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

// enter types a line.
func (term *terminal) enter(t *testing.T, where, prompt, line string) {
	t.Helper()
	term.wantNothingBut(t, where, prompt)
	line = term.known.real(t, line)
	term.master.WriteString(line + "\n")
	if echo, _ := term.next(); echo != prompt+line {
		t.Fatalf("%s: %q was typed, and %s shows %q", where, line, term.name, echo)
	}
}

// press presses Ctrl-C. What comes next may begin on the same line, as some programs
// have nothing to say to it.
func (term *terminal) press(t *testing.T, where string, skip bool) {
	t.Helper()
	term.master.Write([]byte{3})
	testtool.WaitFor(t, "an end of "+term.running, func() bool { return strings.Contains(term.rest(), "^C") && !strings.HasSuffix(term.rest(), "^C") })
	before, after, _ := strings.Cut(term.rest(), "^C")
	if before = strings.TrimPrefix(before, ":keepalive\n\n"); before != "" && !skip {
		t.Fatalf("%s: before Ctrl-C %s shows %q", where, term.name, before)
	}
	term.read = len(term.text()) - len(strings.TrimPrefix(after, "\n"))
}

// want waits for a line, and for nothing else before it unless others are skipped.
func (term *terminal) want(t *testing.T, where, line string, skip bool) {
	t.Helper()
	for {
		switch got, ok := term.next(); {
		case !ok:
			t.Fatalf("%s: waited for %q; %s shows %q", where, line, term.name, term.rest())
		case term.known.same(line, got):
			return
		case !skip:
			t.Fatalf("%s: %s shows\n%s\nand the tutorial\n%s", where, term.name, got, line)
		}
	}
}

// skipToPrompt passes over whatever comes before the next prompt.
func (term *terminal) skipToPrompt(t *testing.T) {
	t.Helper()
	testtool.WaitFor(t, "the prompt of "+term.name, func() bool { return strings.HasSuffix(term.rest(), "\n"+prompt) || term.rest() == prompt })
	term.read = len(term.text()) - len(prompt)
}
