package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// runInto runs "ssed args..." until it exits, with the given files as standard output and standard
// error. If standard error is nil, the result contains its text.
func runInto(t *testing.T, stdout, stderr *os.File, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testtool.Patience)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, testtool.Build(t), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = testtool.Environ(), stdout, &said
	if stderr != nil {
		cmd.Stderr = stderr
	}
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("ssed %q did not end; it said:\n%s", args, said.String())
	}
	return result{"", said.String(), cmd.ProcessState.ExitCode()}
}

// unread returns a pipe without a reader.
func unread(t *testing.T) *os.File {
	t.Helper()
	out, in := pipe(t)
	out.Close()
	t.Cleanup(func() { in.Close() })
	return in
}

func full(t *testing.T) *os.File {
	t.Helper()
	file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// TestOutputThatCannotBeWritten runs each command that prints something and exits. Standard output
// is a pipe without a reader or a device that is full. A missing reader is not an error: "ssed
// config | head -1".
func TestOutputThatCannotBeWritten(t *testing.T) {
	testtool.Long(t, "every command runs against every broken output")
	t.Parallel()
	d := testtool.Start(t, "--history=3")
	publishAll(t, d, "/x", "1", "2", "3")
	const unreadCode = 128 + int(syscall.SIGPIPE)
	for _, tt := range []struct {
		name string
		args []string
		code int // without a reader
	}{
		{"version", []string{"version"}, unreadCode},
		{"help", []string{"--help"}, unreadCode},
		{"help of a command", []string{"sub", "--help"}, unreadCode},
		{"config", []string{"config"}, unreadCode},
		{"check", []string{"check"}, unreadCode},
		{"completion", []string{"completion", "bash"}, unreadCode},
		{"top", []string{"top", "--once", d.Subscribe[0]}, unreadCode},
		{"doctor", []string{"doctor", "--idle=1s", "--publish=" + d.Publish[0], d.Subscribe[0], "/x"}, unreadCode},
		// A stream does not end on its own; users read it with "ssed sub /x | head -1".
		{"sub", []string{"sub", "--last=3", d.Subscribe[0], "/x"}, 0},
		{"sub, some events", []string{"sub", "--raw", "--last=3", "--count=3", d.Subscribe[0], "/x"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// doctor reports its progress on standard error.
			said := func(r result) string {
				return strings.TrimPrefix(r.stderr, fmt.Sprintf("ssed: watching %s/subscribe/x for 1s\n", d.Subscribe[0]))
			}
			if r := runInto(t, unread(t), nil, tt.args...); r.code != tt.code || said(r) != "" {
				t.Errorf("without a reader: exit code %d, want %d; stderr %q", r.code, tt.code, r.stderr)
			}
			if r := runInto(t, unread(t), unread(t), tt.args...); r.code != tt.code {
				t.Errorf("without any reader: exit code %d, want %d", r.code, tt.code)
			}
			r := runInto(t, full(t), nil, tt.args...)
			if r.stderr = said(r); r.stderr != "ssed: cannot write to standard output: no space left on device\n" || r.code != exitFailure {
				t.Errorf("onto a full device: exit code %d; stderr %q", r.code, r.stderr)
			}
		})
	}
}

// TestErrorsWithoutAReader checks that lost errors on standard error do not change the behavior or
// the exit code of a command.
func TestErrorsWithoutAReader(t *testing.T) {
	testtool.Long(t, "pub waits for a reader")
	t.Parallel()
	d := testtool.Start(t, "--history=3")
	for _, tt := range []struct {
		name string
		args []string
		code int
	}{
		{"pub", []string{"pub", "--to", d.Publish[0], "/x", "1"}, 0},
		{"pub, refused", []string{"pub", "--to", d.Publish[0], "--key=a", "/x", "1"}, exitFailure},
		{"sub", []string{"sub", "-v", "--last=1", "--count=1", d.Subscribe[0], "/x"}, 0},
		{"sub, refused", []string{"sub", d.Subscribe[0] + "/nothing"}, exitFailure},
		{"doctor", []string{"doctor", "--idle=1s", "--publish=" + d.Publish[0], d.Subscribe[0], "/x"}, 0},
		{"check", []string{"check", "--publish=nowhere"}, exitFailure},
		{"serve", []string{"--listen=unix:///nonexistent/socket"}, exitFailure},
		{"usage", []string{"--no-such-flag"}, exitUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, stderr := range map[string]*os.File{"without a reader": unread(t), "onto a full device": full(t)} {
				if r := runInto(t, nil, stderr, tt.args...); r.code != tt.code {
					t.Errorf("%s: exit code %d, want %d", name, r.code, tt.code)
				}
			}
		})
	}
}

// TestHealthcheckWithoutAReader checks that the exit code of healthcheck does not depend on a
// reader of its output.
func TestHealthcheckWithoutAReader(t *testing.T) {
	d := testtool.Start(t)
	socket := "unix://" + t.TempDir() + "/nothing"
	for name, stdout := range map[string]*os.File{"without a reader": unread(t), "onto a full device": full(t)} {
		for where, code := range map[string]int{d.Subscribe[0]: 0, socket: exitFailure} {
			if r := runInto(t, stdout, nil, "healthcheck", where); r.code != code {
				t.Errorf("%s, %s: exit code %d, want %d; stderr %q", name, where, r.code, code, r.stderr)
			}
		}
	}
}

// TestDemoWithoutAReader checks that the demo publishes even if the text on standard output is lost
// or blocks.
func TestDemoWithoutAReader(t *testing.T) {
	testtool.Long(t, "it waits for several ticks of the demo")
	t.Parallel()
	_, blocked := pipe(t)
	fill(t, blocked)
	for name, stdout := range map[string]*os.File{
		"without a reader": unread(t), "blocked": blocked, "full": full(t),
	} {
		t.Run(name, func(t *testing.T) {
			socket := shortTempDir(t) + "/s"
			cmd := exec.Command(testtool.Build(t), "demo", "--listen=unix://"+socket, "--publish=tcp://127.0.0.1:0", "--drain=0s")
			cmd.Env, cmd.Stdout, cmd.Stderr = testtool.Environ(), stdout, unread(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			d := &logger{cmd: cmd, subscribers: socket}
			t.Cleanup(func() { cmd.Process.Kill() })
			testtool.WaitFor(t, "the demo", func() bool { // the socket's file exists before it listens
				conn, err := net.Dial("unix", socket)
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
			clock := visit(t, socket, "/subscribe/time")
			for range 2 {
				clock.wantLine(t, "data:2")
			}
			d.end(t)
		})
	}
}

// TestTopExitsWhenItsTerminalCloses checks that top exits without an error when its terminal
// closes, even if it receives no signal.
func TestTopExitsWhenItsTerminalCloses(t *testing.T) {
	sh := testtool.Need(t, "sh")
	d := testtool.Start(t)
	for _, tt := range []struct{ name, before string }{{"signaled", ""}, {"not signaled", `trap "" HUP; `}} {
		t.Run(tt.name, func(t *testing.T) {
			terminal, errors := testtool.NewTerminal(t), filepath.Join(t.TempDir(), "errors")
			cmd := terminal.Start(t, []string{"TERM=xterm-256color"}, sh, "-c", tt.before+`exec "$0" top "$1" 2>"$2"`, testtool.Build(t), d.Subscribe[0], errors)
			testtool.WaitFor(t, "the screen", func() bool { return strings.Contains(terminal.Output(), "● live") })
			terminal.HangUp(t)
			wait(t, cmd)
			if said := contents(t, errors); said != "" {
				t.Errorf("it said %q", said)
			}
		})
	}
}
