package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// A liveSub is a running "ssed sub".
type liveSub struct {
	cmd    *exec.Cmd
	stdout io.ReadCloser
	lines  chan string
	stderr testtool.LockedBuffer
	ended  chan struct{}
}

// startSub starts "ssed sub args..." and reads its output, unless a test needs it to stay unread.
func startSub(t *testing.T, env []string, args ...string) *liveSub {
	t.Helper()
	s := &liveSub{lines: make(chan string, 10_000), ended: make(chan struct{})}
	s.cmd = exec.Command(testtool.Build(t), append([]string{"sub"}, args...)...)
	s.cmd.Env = append(testtool.Environ(), env...)
	s.cmd.Stderr = &s.stderr
	var err error
	if s.stdout, err = s.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(s.stdout); lines.Scan(); {
			s.lines <- lines.Text()
		}
		close(s.lines)
	}()
	go func() {
		<-read
		s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.ended
	})
	return s
}

// line returns the next line of its standard output.
func (s *liveSub) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-s.lines:
		if !ok {
			<-s.ended
			t.Fatalf("it has ended; stderr %q", s.stderr.String())
		}
		return line
	case <-time.After(testtool.Patience):
		t.Fatal("no line")
	}
	return ""
}

// event returns the next line, decoded from JSON.
func (s *liveSub) event(t *testing.T) (e jsonLine) {
	t.Helper()
	line := s.line(t)
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if age := time.Since(e.Time); age < 0 || age > 2*testtool.Patience {
		t.Errorf("%q: its time is %v ago", line, age)
	}
	return e
}

// wantData expects these events, in order, and no others between them.
func (s *liveSub) wantData(t *testing.T, want ...string) {
	t.Helper()
	for _, data := range want {
		if e := s.event(t); e.Type != "event" || *e.Data != data {
			t.Fatalf("got %+v, want %q", e, data)
		}
	}
}

// end waits until the process exits.
func (s *liveSub) end(t *testing.T) result {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(testtool.Patience):
		t.Fatal("it did not exit")
	}
	return result{"", s.stderr.String(), s.cmd.ProcessState.ExitCode()}
}

// subscribed waits until a daemon has accepted the given number of subscribers since its start.
func subscribed(t *testing.T, d *testtool.Daemon, connections int) {
	t.Helper()
	testtool.WaitFor(t, "a subscriber", func() bool { return strings.Count(d.Log(), `msg="subscriber connected"`) >= connections })
}

func publishAll(t *testing.T, d *testtool.Daemon, namespace string, data ...string) {
	t.Helper()
	p := testtool.DialPublisher(t, d.Publish[0])
	for _, x := range data {
		if got := p.Ask(t, "PUB "+namespace+" - "+x); !strings.HasPrefix(got, "OK ") {
			t.Fatal(got)
		}
	}
}
