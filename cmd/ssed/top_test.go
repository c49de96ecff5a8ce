package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// A screen is a terminal that tmux emulates, with a shell.
type screen struct {
	tmux   string
	socket string
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	tmux := testtool.Need(t, "tmux", "sh", "env", "clear", "stty", "grep") // including the programs that the tests type
	testtool.Started(t, "a terminal")
	folder, err := os.MkdirTemp("", "ssed") // short, because it contains a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{tmux, filepath.Join(folder, "s")}
	s.do(t, "new-session", "-d", "-x", "80", "-y", "24", "env -u NO_COLOR -u SSED_TOKEN -u ENV TERM=tmux-256color PS1='$ ' sh")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the screen:\n%s", s.text(t))
		}
		s.do(t, "kill-server")
		os.RemoveAll(folder)
	})
	return s
}

// do runs a tmux command and returns its output.
func (s *screen) do(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(s.tmux, append([]string{"-u", "-S", s.socket, "-f", "/dev/null"}, args...)...)
	cmd.Env = append(testtool.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// text returns the text on the screen.
func (s *screen) text(t *testing.T) string {
	t.Helper()
	return s.do(t, "capture-pane", "-p")
}

// keys sends keys, by tmux's names for them.
func (s *screen) keys(t *testing.T, keys ...string) {
	t.Helper()
	s.do(t, append([]string{"send-keys"}, keys...)...)
}

// shell types a line.
func (s *screen) shell(t *testing.T, line string) {
	t.Helper()
	s.do(t, "send-keys", "-l", line)
	s.keys(t, "Enter")
}

// shows waits until all of these are on the screen.
func (s *screen) shows(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		testtool.WaitFor(t, w, func() bool { return strings.Contains(s.text(t), w) })
	}
}

// left waits until a program has exited, and expects its terminal to be as before. Until the shell
// is in the foreground again, typed text would go to the program.
func (s *screen) left(t *testing.T) {
	t.Helper()
	testtool.WaitFor(t, "the shell", func() bool {
		return s.do(t, "display-message", "-p", "#{pane_current_command}") == "sh\n"
	})
	mode := s.do(t, "display-message", "-p", "other screen #{alternate_on}, cursor #{cursor_flag}, keypad #{keypad_flag}")
	if mode != "other screen 0, cursor 1, keypad 0\n" {
		t.Errorf("the terminal is not as before: %s", mode)
	}
}

// TestTop follows an operator who watches a daemon with real subscribers.
func TestTop(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	d := testtool.Start(t)
	address := strings.TrimPrefix(d.Subscribe[0], "http://")
	pets := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets", "User-Agent: evil\u009b31m agent")
	times := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe?ns=/time&ns=/date")
	p := testtool.DialPublisher(t, d.Publish[0])
	p.Send(t, "PUB /pets - x\n")
	p.Reply(t)
	pets.Frame(t)

	s.shell(t, "echo bef''ore; "+testtool.Build(t)+" top "+d.Subscribe[0])
	s.shows(t, "● live", "▸ Connections 2, oldest first", "127.0.0.1 /pets ", "evil?31m agent", "/date /time", "Namespaces 2", "q quit")
	testtool.WaitFor(t, "charts", func() bool {
		return strings.Contains(s.text(t), "█") && !strings.Contains(s.text(t), "messages/s            -")
	})

	s.do(t, "resize-window", "-x", "120", "-y", "40")
	s.shows(t, "  Namespaces 2, by name", "subscribers messages/s")
	s.do(t, "resize-window", "-x", "80", "-y", "24")
	s.keys(t, "Tab")
	s.shows(t, "▸ Namespaces 2, by name")
	s.keys(t, "Tab", "/")
	s.shows(t, "only this namespace and below")
	s.keys(t, "time", "Enter")
	s.shows(t, "▸ Connections 1, oldest first", "only /time and below")

	s.keys(t, "d")
	s.shows(t, "disconnect 127.0.0.1 on /date /time? y/n")
	s.keys(t, "y")
	s.shows(t, "disconnected 127.0.0.1 on /date /time", "no subscribers of /time", "disconnects: kicked 1")
	times.Rest(t)
	p.Send(t, "PUB /pets - still here\n")
	pets.Frame(t)

	d.Process.Kill()
	d.Wait(t)
	s.shows(t, "○ lost", "reconnecting")
	testtool.Start(t, "--listen", address)
	s.shows(t, "● live", "the daemon was restarted at ")

	s.keys(t, "C-z")
	s.left(t)
	s.shell(t, "fg")
	s.shows(t, "● live")

	s.keys(t, "q")
	s.left(t)
	s.shell(t, "echo af''ter $?; stty -a | grep -o ' icanon\\| echo '")
	s.shows(t, "before", "after 0", " icanon", " echo")
	if strings.Contains(s.text(t), "live") {
		t.Error("the screen of before is not back")
	}
}

// TestTopExitsOnSignalsAndCtrlC stops top with signals and with Ctrl-C, and expects the terminal to
// be as before each time.
func TestTopExitsOnSignalsAndCtrlC(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	d := testtool.Start(t)
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP}
	for _, end := range []string{"TERM", "INT", "HUP", "C-c"} {
		s.shell(t, testtool.Build(t)+" top "+d.Subscribe[0]+" & echo $! >"+s.socket+".pid; fg")
		s.shows(t, "● live")
		if end == "C-c" {
			s.keys(t, end)
		} else {
			text, err := os.ReadFile(s.socket + ".pid")
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err == nil {
				err = syscall.Kill(pid, signals[end])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		s.left(t)
		s.shell(t, "echo co''de $?")
		s.shows(t, "code 0")
		s.shell(t, "clear")
		testtool.WaitFor(t, "an empty screen", func() bool { return !strings.Contains(s.text(t), "code 0") })
	}
}

func TestTopWithoutColor(t *testing.T) {
	s := newScreen(t)
	d := testtool.Start(t)
	for _, tt := range []struct {
		env   string
		color bool
	}{{"env", true}, {"NO_COLOR=1", false}} {
		s.shell(t, tt.env+" "+testtool.Build(t)+" top "+d.Subscribe[0])
		s.shows(t, "● live")
		colored := strings.Contains(s.do(t, "capture-pane", "-p", "-e"), "\x1b[32m")
		if colored != tt.color {
			t.Errorf("%s: colored: %v", tt.env, colored)
		}
		s.keys(t, "q")
		s.left(t)
		s.shell(t, "clear")
	}
}

func TestTopRefusesInvalidArguments(t *testing.T) {
	s := newScreen(t)
	d := testtool.Start(t, "--token", "admin-token admin")
	run(t, nil, nil, "top", d.Subscribe[0]).wantFailure(t, exitFailure, "not a terminal", "--once", "/admin/status.json", "/metrics")
	run(t, nil, nil, "top", "--once", d.Subscribe[0]).wantFailure(t, exitFailure, "refuses (401)", "SSED_TOKEN")
	run(t, nil, nil, "top", "--once", "ftp://x").wantFailure(t, exitUsage, "invalid address")
	run(t, nil, []string{"SSED_TOKEN=admin-token admin"}, "top", "--once", d.Subscribe[0]).wantFailure(t, exitUsage, "--token:")

	r := run(t, nil, []string{"SSED_TOKEN=admin-token"}, "top", "--once", d.Subscribe[0])
	r.wantSuccess(t)
	if !strings.Contains(r.stdout, "connections, slowest first: 0 of 0") {
		t.Errorf("%s", r.stdout)
	}

	s.shell(t, testtool.Build(t)+" top --token wrong "+d.Subscribe[0]+"; echo code $?")
	s.shows(t, "refuses (401): unknown token", "code 1")
	s.shell(t, "clear; "+testtool.Build(t)+" top 127.0.0.1:1; echo code $?")
	s.shows(t, "ssed: no daemon answers at http://127.0.0.1:1: ", "code 1")
	s.shell(t, "clear; TERM=dumb "+testtool.Build(t)+" top; echo code $?")
	s.shows(t, "not a terminal", "code 1")
}

func TestTopShowsTheStore(t *testing.T) {
	d := testtool.Start(t, "--store="+t.TempDir())
	r := run(t, nil, nil, "top", "--once", d.Subscribe[0])
	r.wantSuccess(t)
	if !strings.Contains(r.stdout, "\nstore         ssed live · last 0 · lag 0 · unanswered 0 · refused 0\n") {
		t.Errorf("%s", r.stdout)
	}
}
