package testtool

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A Terminal is a pseudo terminal (pts(4)) with 80 columns and 24 lines. It records the bytes that
// programs write to it. It does not echo input or interpret escape sequences.
type Terminal struct {
	Side *os.File // the side of the programs

	control *os.File
	said    LockedBuffer
	closed  chan struct{} // closed when the last program has closed the terminal
}

// NewTerminal opens a pseudo terminal, and closes it when the test ends.
func NewTerminal(t testing.TB) *Terminal {
	t.Helper()
	control, side := OpenTerminal(t)
	terminal := &Terminal{Side: side, control: control, closed: make(chan struct{})}
	mode := terminal.Mode(t)
	mode.Lflag &^= unix.ECHO
	terminal.onControl(t, func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETS, &mode) })
	terminal.Resize(t, 80, 24)
	go terminal.read()
	return terminal
}

// OpenTerminal opens a pseudo terminal with the kernel's default settings, including echo. control
// is the side of the keyboard and the screen, side is the side of the programs. Both are closed
// when the test ends.
func OpenTerminal(t testing.TB) (control, side *os.File) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		Lack(t, "the machine has no pseudo terminals: %v", err)
	}
	Started(t, "a terminal")
	t.Cleanup(func() { control.Close() })
	var number int
	onDescriptor(t, control, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	if side, err = os.OpenFile(filepath.Join("/dev/pts", strconv.Itoa(number)), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { side.Close() })
	return control, side
}

// onControl calls f with the descriptor of the controlling side.
func (p *Terminal) onControl(t testing.TB, f func(fd int) error) {
	t.Helper()
	onDescriptor(t, p.control, f)
}

func onDescriptor(t testing.TB, file *os.File, f func(fd int) error) {
	t.Helper()
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = f(int(fd)) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *Terminal) read() {
	defer close(p.closed)
	buffer := make([]byte, 4096)
	for {
		n, err := p.control.Read(buffer)
		p.said.Write(buffer[:n])
		if err != nil {
			return
		}
	}
}

// Start starts a program with this terminal as its standard streams and its controlling terminal.
// The environment is Environ without TERM, NO_COLOR and CI, plus env.
func (p *Terminal) Start(t testing.TB, env []string, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	for _, variable := range Environ() {
		switch name, _, _ := strings.Cut(variable, "="); name {
		case "TERM", "NO_COLOR", "CI":
		default:
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.Side, p.Side, p.Side
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%q wrote to its terminal: %q", args, p.Output())
		}
	})
	return cmd
}

// Type sends text as if it were typed on the terminal's keyboard.
func (p *Terminal) Type(t testing.TB, text string) {
	t.Helper()
	if _, err := p.control.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// Output returns everything that programs wrote to the terminal so far.
func (p *Terminal) Output() string { return p.said.String() }

// Mode returns the terminal's settings (termios(3)).
func (p *Terminal) Mode(t testing.TB) (mode unix.Termios) {
	t.Helper()
	p.onControl(t, func(fd int) error {
		got, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			mode = *got
		}
		return err
	})
	return mode
}

// Unread returns how many typed bytes no program has read yet.
func (p *Terminal) Unread(t testing.TB) (n int) {
	t.Helper()
	n, err := unix.IoctlGetInt(int(p.Side.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Resize changes the size of the terminal. The kernel notifies the program (SIGWINCH).
func (p *Terminal) Resize(t testing.TB, columns, lines uint16) {
	t.Helper()
	p.onControl(t, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines})
	})
}

// Rest closes the test's copy of Side, waits until no program has the terminal open, and returns
// everything that was written.
func (p *Terminal) Rest(t testing.TB) string {
	t.Helper()
	p.Side.Close()
	WaitFor(t, "the programs to close their terminal", func() bool {
		select {
		case <-p.closed:
			return true
		default:
			return false
		}
	})
	return p.Output()
}

// HangUp closes the terminal as if its window were closed.
func (p *Terminal) HangUp(t testing.TB) {
	t.Helper()
	p.Side.Close()
	if err := p.control.Close(); err != nil {
		t.Fatal(err)
	}
}
