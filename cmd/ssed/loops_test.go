package main

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/openfiles"
	"github.com/ssed/ssed/internal/testtool"
)

// TestLoops checks how many event loops the flags and the number of CPUs yield, and which loop
// reads from publishers.
func TestLoops(t *testing.T) {
	for _, tt := range []struct {
		args    []string
		cpus    int
		loops   int
		publish string
	}{
		{nil, 8, 1, sharedLoop},
		{[]string{"--publish-loop=own"}, 8, 1, ownLoop},
		{[]string{"--loops=3"}, 2, 3, ownLoop},
		{[]string{"--loops=auto"}, 1, 1, sharedLoop},
		{[]string{"--loops=auto"}, 2, 1, sharedLoop},
		{[]string{"--loops=auto"}, 5, 4, ownLoop},
		{[]string{"--loops=auto"}, 1000, openfiles.LoopsMax, ownLoop},
		{[]string{"--loops=auto", "--publish-loop=shared"}, 2, 1, sharedLoop},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(tt.cpus))
			f, _ := flagsOf(t, tt.args...)
			if f.loops() != tt.loops || f.publishLoop() != tt.publish {
				t.Errorf("%d loops, and publishers on the loop %q; want %d and %q", f.loops(), f.publishLoop(), tt.loops, tt.publish)
			}
			f.checkLoops(func(flag string, err error) { t.Errorf("--%s: %v", flag, err) })
		})
	}
}

// TestLoopsErrors checks the errors for invalid numbers, and for publishers on one of several
// loops.
func TestLoopsErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--loops=0"}, `--loops: invalid number "0": expected 1 to 256, or auto`},
		{[]string{"--loops=257"}, `--loops: invalid number "257"`},
		{[]string{"--loops=all"}, `--loops: invalid number "all"`},
		{[]string{"--loops=2", "--publish-loop=shared"}, "--publish-loop: shared needs --loops 1, and there are 2 loops: all of them must get each message in the same order"},
	} {
		if r := run(t, nil, nil, append([]string{"check"}, tt.args...)...); r.code == 0 || !strings.Contains(r.stderr, tt.says) {
			t.Errorf("ssed check %q: exit code %d, %q; want %q", tt.args, r.code, r.stderr, tt.says)
		}
	}
}

// TestLoopsInFile checks that a configuration file may contain a number or auto, and that "ssed
// config" prints it in the same form.
func TestLoopsInFile(t *testing.T) {
	for text, want := range map[string]string{"loops = 2": "loops = 2", "loops = 'auto'": "loops = 'auto'"} {
		r := run(t, nil, nil, "config", "--config", configOf(t, text+"\n"))
		if got := lineOf(t, r.stdout, "loops"); !strings.HasPrefix(got, want+" ") {
			t.Errorf("ssed config for a file with %q: %q", text, got)
		}
	}
	r := run(t, nil, nil, "check", "--config", configOf(t, "loops = 1.5\n"))
	if want := `loops: 1.5 is a number; expected a whole number, or "auto"`; r.code == 0 || !strings.Contains(r.stderr, want) {
		t.Errorf("ssed check for a file with loops = 1.5: exit code %d, %q; want %q", r.code, r.stderr, want)
	}
}

// TestLoopsOfDaemons runs daemons with GOMAXPROCS in the environment and with more loops than CPUs.
func TestLoopsOfDaemons(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		loop string
		says string
	}{
		{[]string{"GOMAXPROCS=4"}, "auto", "loops=3"},
		{[]string{"GOMAXPROCS=1"}, "auto", "loops=1"},
		{[]string{"GOMAXPROCS=1"}, "2", `level=WARN msg="more event loops than CPUs" loops=2 cpus=1`},
	} {
		d := testtool.StartEnv(t, tt.env, "--loops="+tt.loop)
		if !strings.Contains(d.Log(), tt.says) {
			t.Errorf("%v with --loops=%s does not log %s", tt.env, tt.loop, tt.says)
		}
		if code := d.Stop(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
}

// TestLoopsFitTheContainer runs the daemon in a control group with 1.5 CPUs. On a machine with
// three CPUs or more, it would have more than one loop otherwise.
func TestLoopsFitTheContainer(t *testing.T) {
	needTrees(t)
	group := tree{mountinfo: mountV2, cgroup: "0::/a\n", files: map[string]string{"a/cpu.max": "150000 100000\n"}}
	d := testtool.StartBy(t, append(group.within(t), testtool.Build(t), "--loops=auto")...)
	if !strings.Contains(d.Log(), "loops=1") {
		t.Error("the daemon has more than one loop")
	}
}

// TestWatchdogAsksEveryLoop stops each of two loops in turn. Each time, the watchdog falls silent
// and the log names the loop.
func TestWatchdogAsksEveryLoop(t *testing.T) {
	testtool.Long(t, "it waits for several periods of the watchdog")
	s := playSystemd(t, filepath.Join(shortTempDir(t), "notify"), watchdogEnv())
	d := testtool.StartEnv(t, s.env, "--loops=2")
	s.want(t, "READY")
	s.wantBeats(t, 4)
	for number := range 2 {
		goOn := hangLoop(t, d.Process.Pid, d.Subscribe[0], number)
		testtool.WaitFor(t, "the watchdog to fall silent", func() bool { return s.silence() > 5*watchdogTime })
		goOn()
		testtool.WaitFor(t, "the loop to respond", func() bool { return d.Logged("event loop responding again") == number+1 })
		s.wantBeats(t, 4)
	}
	for _, name := range []string{"event loop 0: ", "event loop 1: "} {
		if n := d.Logged("event loop not responding", name); n != 1 {
			t.Errorf("%d lines report that %s does not respond, want 1", n, name)
		}
	}
	if code := d.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
