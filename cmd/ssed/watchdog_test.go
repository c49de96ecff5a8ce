package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/loop"
)

// watchdogTime is short, so that tests see many beats, and long enough for a busy
// machine.
const watchdogTime = 400 * time.Millisecond

func watchdogEnv() string { return fmt.Sprintf("WATCHDOG_USEC=%d", watchdogTime.Microseconds()) }

func TestWatchdogBeatsAlsoInADrain(t *testing.T) {
	bothLoops(t, func(t *testing.T, flag string) {
		s := playSystemd(t, filepath.Join(shortTempDir(t), "notify"), watchdogEnv())
		d := testtool.StartEnv(t, s.env, flag)
		s.want(t, "READY")
		s.wantBeats(t, 4)
		stall(t, d)
		if err := d.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.want(t, "STOPPING")
		s.wantBeats(t, 4)
	})
}

// TestWatchdogFallsSilentWhenTheLoopHangs hangs the real event loop: it logs
// something into a pipe that is full and that nobody reads. Once the pipe is read
// the loop goes on, and so does the watchdog.
func TestWatchdogFallsSilentWhenTheLoopHangs(t *testing.T) {
	s := playSystemd(t, filepath.Join(shortTempDir(t), "notify"), watchdogEnv())
	stderr := startOnPipe(t, append(s.env, "SSED_LISTEN=127.0.0.1:0", "SSED_PUBLISH=tcp://127.0.0.1:0", "SSED_LOG_LEVEL=debug"))
	up := s.want(t, "READY")
	s.wantBeats(t, 4)

	stderr.fill(t)
	conn, err := net.Dial("tcp", up.addresses()[0].Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n") // that it is refused is logged
	testtool.WaitFor(t, "the watchdog to fall silent", func() bool { return s.silence() > 5*watchdogTime })

	log := stderr.readTo(t, "the event loop answers again")
	if n := strings.Count(log, "the event loop does not answer"); n != 1 {
		t.Errorf("the log says %d times that the loop does not answer, want once:\n%s", n, log)
	}
	s.wantBeats(t, 4)
}

// A logPipe is a daemon's standard error that is read only when a test says so.
type logPipe struct {
	out, in *os.File
}

// startOnPipe starts the daemon with nothing but env, and kills it when the test
// ends.
func startOnPipe(t *testing.T, env []string) *logPipe {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testtool.Build(t))
	cmd.Env, cmd.Stderr = append(testtool.Environ(), env...), in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		in.Close()
		out.Close()
	})
	return &logPipe{out, in}
}

// fill makes the next write to the pipe block. It opens the pipe once more, since
// its own writes must not block, and the daemon's must.
func (p *logPipe) fill(t *testing.T) {
	t.Helper()
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", p.in.Fd()), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; _, err = unix.Write(fd, make([]byte, size)) {
		}
		if err != unix.EAGAIN {
			t.Fatal(err)
		}
	}
}

// readTo reads to the line that says this, and returns it and all before it.
func (p *logPipe) readTo(t *testing.T, says string) (log string) {
	t.Helper()
	p.out.SetReadDeadline(time.Now().Add(testtool.Patience))
	lines := bufio.NewReader(p.out)
	for !strings.Contains(log, says) {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the log does not say that %s (%v):\n%s", says, err, log)
		}
		log += strings.TrimLeft(line, "\x00") // what fill has written
	}
	return log
}

// TestWatchdog has a time of its own, in which a loop answers, or does not until
// the test says so, or ends.
func TestWatchdog(t *testing.T) {
	const patience = 20 * time.Second
	tests := []struct {
		name    string
		answers time.Duration // after which time the loop answers its second question
		beats   []time.Duration
		logged  int
	}{
		{"alive", 0, []time.Duration{0, 10 * time.Second, 20 * time.Second}, 0},
		{"slow", 4 * time.Second, []time.Duration{0, 14 * time.Second, 20 * time.Second}, 0},
		{"late, but in time", 7 * time.Second, []time.Duration{0, 17 * time.Second, 20 * time.Second}, 2},
		{"hung for a minute", 62 * time.Second, []time.Duration{0, 72 * time.Second, 72 * time.Second}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var beats []time.Duration
				var log strings.Builder
				begin := time.Now()
				asleep := begin // until when the loop does not answer
				alive := func(ctx context.Context) error {
					switch {
					case len(beats) == len(tt.beats):
						return loop.ErrStopped
					case len(beats) == 1 && asleep.Equal(begin):
						asleep = time.Now().Add(tt.answers)
					}
					select {
					case <-time.After(time.Until(asleep)):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				watchdog(patience, alive, func() { beats = append(beats, time.Since(begin)) }, slog.New(slog.NewTextHandler(&log, nil)))
				if !slices.Equal(beats, tt.beats) {
					t.Errorf("beats at %v, want %v", beats, tt.beats)
				}
				if n := strings.Count(log.String(), "\n"); n != tt.logged {
					t.Errorf("%d lines in the log, want %d:\n%s", n, tt.logged, log.String())
				}
			})
		})
	}
}

// TestNoSystemdNoWatchdog sets everything but what matters, or for somebody else.
func TestNoSystemdNoWatchdog(t *testing.T) {
	s := playSystemd(t, filepath.Join(shortTempDir(t), "notify"))
	tests := []struct {
		name string
		env  []string
		says string // in the log, if anything
	}{
		{"no socket", []string{"WATCHDOG_USEC=1000"}, ""},
		{"empty socket", []string{"WATCHDOG_USEC=1000", "NOTIFY_SOCKET="}, ""},
		{"another process is watched", append(s.env, "WATCHDOG_USEC=1000", "WATCHDOG_PID=1"), ""},
		{"the setting is no number", append(s.env, "WATCHDOG_USEC=soon"), "there is no watchdog"},
		{"nobody listens", []string{"NOTIFY_SOCKET=/nowhere"}, "cannot tell systemd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, heard := testtool.StartEnv(t, tt.env), slices.Contains(tt.env, s.env[0])
			if heard {
				s.want(t, "READY")
			}
			if code := d.Stop(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if heard {
				s.want(t, "STOPPING")
			}
			if s.count() > 0 {
				t.Errorf("%d beats", s.count())
			}
			if got := strings.Contains(d.Log(), "systemd"); got != (tt.says != "") || !strings.Contains(d.Log(), tt.says) {
				t.Errorf("want %q in the log:\n%s", tt.says, d.Log())
			}
		})
	}
}
