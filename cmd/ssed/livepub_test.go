package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// A livePub is a running "ssed pub".
type livePub struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr testtool.LockedBuffer
	ended  chan struct{}
}

// startPub starts "ssed pub args..." for lines that the test writes.
func startPub(t *testing.T, to string, args ...string) *livePub {
	t.Helper()
	return startPubTo(t, nil, to, args...)
}

// startPubTo does what startPub does, with another standard error unless that is nil.
func startPubTo(t *testing.T, stderr *os.File, to string, args ...string) *livePub {
	t.Helper()
	p := &livePub{ended: make(chan struct{})}
	p.cmd = exec.Command(testtool.Build(t), append([]string{"pub", "--to", to}, args...)...)
	p.cmd.Env = testtool.Environ()
	p.cmd.Stderr = &p.stderr
	if stderr != nil {
		p.cmd.Stderr = stderr
	}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("ssed pub said:\n%s", p.stderr.String())
		}
	})
	return p
}

// says waits until standard error matches pattern. It fails immediately if the process exits
// without a match.
func (p *livePub) says(t *testing.T, pattern string) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	matches := func() bool { return wanted.MatchString(p.stderr.String()) }
	testtool.WaitFor(t, "ssed pub to say "+pattern, func() bool { return matches() || isClosed(p.ended) })
	if !matches() {
		t.Fatalf("ssed pub ended with exit code %d and did not say %s", p.cmd.ProcessState.ExitCode(), pattern)
	}
}

// writeParts writes each part to standard input when it arrives, and closes standard input after
// the last one. A test can hold a part back so that the process does not exit.
func (p *livePub) writeParts(parts <-chan []string) (written <-chan error) {
	result := make(chan error, 1)
	go func() {
		var err error
		for part := range parts {
			if err == nil {
				_, err = io.WriteString(p.stdin, text(part))
			}
		}
		p.stdin.Close()
		result <- err
	}()
	return result
}

// end waits until the process exits.
func (p *livePub) end(t *testing.T) result {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(testtool.Patience):
		t.Fatalf("ssed pub does not end; stderr %q", p.stderr.String())
	}
	return result{"", p.stderr.String(), p.cmd.ProcessState.ExitCode()}
}

// history returns the data of the newest messages of a namespace that a daemon keeps, oldest first.
// It waits until there are at least as many as wanted.
func history(t *testing.T, d *testtool.Daemon, namespace string, wanted int) (data []string) {
	t.Helper()
	publishAll(t, d, namespace, "the last one")
	s := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe"+namespace+"?last=200000")
	for {
		frame := s.Frame(t)
		_, text, _ := strings.Cut(strings.TrimSuffix(frame, "\n\n"), "data:")
		text = strings.TrimPrefix(text, " ") // the optional space after "data:"
		if text == "the last one" {
			break
		}
		data = append(data, text)
	}
	if len(data) < wanted {
		t.Errorf("the daemon has %d messages, at least %d were published", len(data), wanted)
	}
	return data
}

// restart starts a daemon at the addresses of a previous one.
func restart(t *testing.T, before *testtool.Daemon, args ...string) *testtool.Daemon {
	t.Helper()
	return testtool.Start(t, append([]string{"--publish", before.Publish[0]}, args...)...)
}

func numbers(from, to int) (lines []string) {
	for i := from; i <= to; i++ {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	return lines
}

func text(lines []string) string { return strings.Join(lines, "\n") + "\n" }
