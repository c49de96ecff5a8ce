package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
)

// watchdogTime is short, so that tests see many messages, but long enough for a busy machine.
const watchdogTime = 400 * time.Millisecond

func watchdogEnv() string { return fmt.Sprintf("WATCHDOG_USEC=%d", watchdogTime.Microseconds()) }

func TestWatchdogDuringDrain(t *testing.T) {
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		t.Parallel()
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

// TestWatchdogStopsWhenTheLoopHangs stops the real event loop, but no other part of the daemon.
// When the loop continues, so does the watchdog.
func TestWatchdogStopsWhenTheLoopHangs(t *testing.T) {
	testtool.Long(t, "it waits for several periods of the watchdog")
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		t.Parallel()
		s := playSystemd(t, filepath.Join(shortTempDir(t), "notify"), watchdogEnv())
		d := testtool.StartEnv(t, s.env, flag)
		s.want(t, "READY")
		s.wantBeats(t, 4)

		goOn := hangLoop(t, d.Process.Pid, d.Subscribe[0], 0)
		testtool.WaitFor(t, "the watchdog to fall silent", func() bool { return s.silence() > 5*watchdogTime })
		if n := strings.Count(d.Log(), "event loop not responding"); n != 1 {
			t.Errorf("the log reports %d times that the loop does not respond, want once", n)
		}
		if strings.Contains(d.Log(), "event loop responding again") {
			t.Error("the log reports that the loop answers again, but it hangs")
		}

		goOn()
		testtool.WaitFor(t, "the log to tell of it", func() bool { return strings.Contains(d.Log(), "event loop responding again") })
		s.wantBeats(t, 4)
		if code := d.Stop(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
}

// TestWatchdog uses synthetic time. The loop answers, does not answer until the test allows it, or
// stops.
func TestWatchdog(t *testing.T) {
	const patience = 20 * time.Second
	tests := []struct {
		name    string
		answers time.Duration // how long the loop takes to answer its second question
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
						return ssed.ErrStopped
					case len(beats) == 1 && asleep.Equal(begin):
						asleep = time.Now().Add(tt.answers)
					}
					select {
					case <-time.After(time.Until(asleep)):
						return nil
					case <-ctx.Done():
						return fmt.Errorf("event loop 1: %w", ctx.Err())
					}
				}
				watchdog(patience, alive, func() { beats = append(beats, time.Since(begin)) }, slog.New(slog.NewTextHandler(&log, nil)))
				if !slices.Equal(beats, tt.beats) {
					t.Errorf("beats at %v, want %v", beats, tt.beats)
				}
				if n := strings.Count(log.String(), "\n"); n != tt.logged {
					t.Errorf("%d lines in the log, want %d:\n%s", n, tt.logged, log.String())
				}
				if tt.logged > 0 && !strings.Contains(log.String(), `err="event loop 1: context deadline exceeded"`) {
					t.Errorf("the log does not name the loop:\n%s", log.String())
				}
			})
		})
	}
}

// TestNoWatchdogWithoutSystemd checks environments that lack a required variable, or whose
// variables are for another process.
func TestNoWatchdogWithoutSystemd(t *testing.T) {
	s := playSystemd(t, filepath.Join(shortTempDir(t), "notify"))
	tests := []struct {
		name string
		env  []string
		says string // expected text in the log
	}{
		{"no socket", []string{"WATCHDOG_USEC=1000"}, ""},
		{"empty socket", []string{"WATCHDOG_USEC=1000", "NOTIFY_SOCKET="}, ""},
		{"another process is watched", append(s.env, "WATCHDOG_USEC=1000", "WATCHDOG_PID=1"), ""},
		{"the setting is no number", append(s.env, "WATCHDOG_USEC=soon"), "watchdog disabled"},
		{"nothing listens", []string{"NOTIFY_SOCKET=/nowhere"}, "cannot notify systemd"},
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
