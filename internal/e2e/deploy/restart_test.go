package deploy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// setting returns the value of a key that the unit must set exactly once in a section.
func setting(t *testing.T, section, key string) string {
	t.Helper()
	within, found := "", []string(nil)
	for line := range strings.Lines(shipped(t, "deploy", "ssed.service")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			within = line
		}
		if value, ok := strings.CutPrefix(line, key+"="); ok && within == "["+section+"]" {
			found = append(found, value)
		}
	}
	if len(found) != 1 {
		t.Fatalf("[%s] of the unit has %q for %s, want one value", section, found, key)
	}
	return found[0]
}

// TestUnitSettings verifies that the unit has the settings that docs/deploy.md describes.
func TestUnitSettings(t *testing.T) {
	for _, tt := range []struct{ section, key, want string }{
		{"Unit", "StartLimitIntervalSec", "0"},
		{"Service", "Type", "notify"},
		{"Service", "Restart", "always"},
		{"Service", "RestartSec", "1s"},
		{"Service", "RestartPreventExitStatus", "2"},
		{"Service", "Environment", "GOTRACEBACK=crash"},
		{"Service", "LimitCORE", "0"},
		{"Service", "WatchdogSec", "30s"},
		{"Service", "TimeoutStartSec", "10min"},
		{"Service", "TimeoutStopSec", "30s"},
	} {
		if got := setting(t, tt.section, tt.key); got != tt.want {
			t.Errorf("%s=%s, want %s", tt.key, got, tt.want)
		}
		if docs := shipped(t, "docs", "deploy.md"); !strings.Contains(docs, tt.key+"="+tt.want) {
			t.Errorf("docs/deploy.md does not have %s=%s", tt.key, tt.want)
		}
	}
}

// restarts reports whether systemd restarts a service with this unit after its process exits
// without a stop by systemd (systemd.service(5)).
func restarts(t *testing.T, end *os.ProcessState) bool {
	t.Helper()
	prevented := strings.Fields(setting(t, "Service", "RestartPreventExitStatus"))
	how := strconv.Itoa(end.ExitCode())
	if status := end.Sys().(syscall.WaitStatus); status.Signaled() {
		how = status.Signal().String()
	}
	return setting(t, "Service", "Restart") == "always" && !slices.Contains(prevented, how)
}

// TestUnitRestartsAfterSignals verifies that systemd restarts the daemon after signals that systemd
// did not send.
func TestUnitRestartsAfterSignals(t *testing.T) {
	testtool.Need(t, "prlimit")
	for name, end := range map[string]struct {
		signal syscall.Signal
		logged string // a text in its log
	}{
		"SIGTERM from another process": {syscall.SIGTERM, "draining"},
		"SIGINT from another process":  {syscall.SIGINT, "draining"},
		"SIGKILL":                      {syscall.SIGKILL, ""},
		"the watchdog":                 {syscall.SIGABRT, "hub.(*Hub).Serve"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(testtool.Build(t), "--listen=127.0.0.1:0", "--publish=tcp://127.0.0.1:0", "--drain=0s")
			log := startAsService(t, cmd)
			testtool.WaitFor(t, "the daemon to be up", func() bool { return strings.Contains(log.String(), "ssed is up") })
			// These signals must not stop the daemon.
			for _, signal := range []syscall.Signal{syscall.SIGPIPE, syscall.SIGHUP} {
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			testtool.WaitFor(t, "the answer to SIGHUP", func() bool { return strings.Contains(log.String(), "nothing to reload") })
			if err := cmd.Process.Signal(end.signal); err != nil {
				t.Fatal(err)
			}
			state := wait(t, cmd)
			if !restarts(t, state) || !strings.Contains(log.String(), end.logged) {
				t.Errorf("after %v, systemd does not restart the daemon, or its log lacks %q:\n%s", state, end.logged, log)
			}
		})
	}
}

// TestUnitRestartsAfterFailures verifies that systemd restarts a daemon that cannot start, except
// for mistakes that only an operator can correct.
func TestUnitRestartsAfterFailures(t *testing.T) {
	testtool.Need(t, "prlimit")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "ssed.toml")
	if err := os.WriteFile(file, []byte("heartbeat = \"often\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want bool
	}{
		{"a port that is taken", []string{"--listen=" + taken.Addr().String(), "--publish=tcp://127.0.0.1:0"}, true},
		{"a flag that does not exist", []string{"--no-such-flag"}, false},
		{"a bad value", []string{"--heartbeat=often"}, false},
		{"a bad configuration file", []string{"--config=" + file}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(testtool.Build(t), tt.args...)
			log := startAsService(t, cmd)
			if state := wait(t, cmd); restarts(t, state) != tt.want {
				t.Errorf("restart after %v: %v, want %v; the daemon printed %s", state, !tt.want, tt.want, log)
			}
		})
	}
}

// startAsService starts a daemon with the environment of the unit.
func startAsService(t *testing.T, cmd *exec.Cmd) *testtool.LockedBuffer {
	t.Helper()
	log := &testtool.LockedBuffer{}
	cmd.Env = append(append(testtool.Environ(), testtool.LoopsEnviron()...), setting(t, "Service", "Environment"))
	cmd.Stderr = log
	// Without LimitCORE=, a core file would stay on the test machine.
	core := fmt.Sprintf("--core=%s", setting(t, "Service", "LimitCORE"))
	cmd.Args = append([]string{"prlimit", core, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = testtool.Need(t, "prlimit")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return log
}

func wait(t *testing.T, cmd *exec.Cmd) *os.ProcessState {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-time.After(testtool.Patience):
		t.Fatal("the daemon did not exit")
	}
	return cmd.ProcessState
}
