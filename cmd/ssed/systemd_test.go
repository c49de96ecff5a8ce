package main

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// A fakeSystemd acts as the service manager: it owns the notify socket and receives a daemon's
// messages.
type fakeSystemd struct {
	env   []string     // environment for the daemon
	heard chan message // all messages except those of the watchdog

	mu    sync.Mutex
	beats int
	last  time.Time // time of the last watchdog message, or of the first message
}

// A message is the content of one datagram.
type message map[string]string

// playSystemd listens on a notify socket with this name until the test ends. The name begins with @
// if the socket is abstract.
func playSystemd(t *testing.T, socket string, env ...string) *fakeSystemd {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeSystemd{env: append(env, "NOTIFY_SOCKET="+socket), heard: make(chan message, 1024)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.listen(t, conn)
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return s
}

func (s *fakeSystemd) listen(t *testing.T, conn *net.UnixConn) {
	datagram := make([]byte, 4096)
	for {
		n, err := conn.Read(datagram)
		if err != nil {
			return // the test has ended
		}
		m := message{}
		for assignment := range strings.Lines(string(datagram[:n])) {
			name, value, _ := strings.Cut(strings.TrimSuffix(assignment, "\n"), "=")
			m[name] = value
		}
		if m["READY"] == "1" {
			m.wantOpenPorts(t)
		}
		s.mu.Lock()
		s.last = time.Now()
		if m["WATCHDOG"] == "1" {
			s.beats++
		} else {
			s.heard <- m
		}
		s.mu.Unlock()
	}
}

// wantOpenPorts connects to every address in the status.
func (m message) wantOpenPorts(t *testing.T) {
	addresses := m.addresses()
	if len(addresses) < 2 {
		t.Errorf("the status contains no addresses: %q", m["STATUS"])
	}
	for _, address := range addresses {
		conn, err := net.Dial("tcp", address.Host)
		if err != nil {
			t.Errorf("READY came too early: %v", err)
			continue
		}
		conn.Close()
	}
}

// addresses returns the addresses in the status, subscribers first.
func (m message) addresses() (addresses []*url.URL) {
	for _, found := range regexp.MustCompile(`(http|tcp)://[^ ,;]+`).FindAllString(m["STATUS"], -1) {
		if address, err := url.Parse(found); err == nil {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// next returns the next message, except those of the watchdog.
func (s *fakeSystemd) next(t *testing.T) message {
	t.Helper()
	select {
	case m := <-s.heard:
		return m
	case <-time.After(testtool.Patience):
		t.Fatalf("systemd heard nothing in %v", testtool.Patience)
		return nil
	}
}

// want expects the next message to contain this assignment.
func (s *fakeSystemd) want(t *testing.T, name string) message {
	t.Helper()
	m := s.next(t)
	if m[name] != "1" {
		t.Errorf("systemd received %v, want %s=1", m, name)
	}
	return m
}

// wantBeats waits for a number of further watchdog messages.
func (s *fakeSystemd) wantBeats(t *testing.T, more int) {
	t.Helper()
	before := s.count()
	testtool.WaitFor(t, "beats of the watchdog", func() bool { return s.count() >= before+more })
}

func (s *fakeSystemd) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beats
}

func (s *fakeSystemd) silence() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.last)
}

func TestNotifySystemdOfStartAndStop(t *testing.T) {
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		path := filepath.Join(shortTempDir(t), "notify")
		for kind, socket := range map[string]string{"path": path, "abstract": "@" + path} {
			t.Run(kind, func(t *testing.T) {
				s := playSystemd(t, socket)
				d := testtool.StartEnv(t, s.env, flag)
				ready := s.want(t, "READY")
				for _, address := range slices.Concat(d.Subscribe, d.Publish) {
					if !strings.Contains(ready["STATUS"], address) {
						t.Errorf("the status does not contain %s: %q", address, ready["STATUS"])
					}
				}
				if code := d.Stop(t); code != 0 {
					t.Errorf("exit code %d", code)
				}
				stopping := s.want(t, "STOPPING")
				if usec, err := strconv.Atoi(stopping["EXTEND_TIMEOUT_USEC"]); err != nil || usec <= int(endTimeout.Microseconds()) {
					t.Errorf("systemd is asked to wait for %q microseconds (%v); the drain may take %v", stopping["EXTEND_TIMEOUT_USEC"], err, endTimeout)
				}
				if len(s.heard) > 0 || s.count() > 0 {
					t.Errorf("and then %v, and %d watchdog messages that were not requested", s.heard, s.count())
				}
			})
		}
	})
}

// TestNotifySystemdOfReloads checks that every reload ends with READY, even a failed one, because
// systemd waits for it.
func TestNotifySystemdOfReloads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	s := playSystemd(t, filepath.Join(shortTempDir(t), "notify"))
	reload := func(d *testtool.Daemon) (status string) {
		t.Helper()
		before := monotonicUsec(t)
		if err := d.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		reloading := s.want(t, "RELOADING")
		if usec, err := strconv.ParseInt(reloading["MONOTONIC_USEC"], 10, 64); err != nil || usec < before || usec > monotonicUsec(t) {
			t.Errorf("the reload began at %q (%v), want a time since %d", reloading["MONOTONIC_USEC"], err, before)
		}
		return s.want(t, "READY")["STATUS"]
	}
	const kept = "reload failed, keeping the old tokens: "

	d := testtool.StartEnv(t, s.env)
	up := s.want(t, "READY")["STATUS"]
	if got := reload(d); got != up {
		t.Errorf("without a token file: %q, want %q", got, up)
	}
	d.Stop(t)
	s.want(t, "STOPPING")

	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first-token\n")
	d = testtool.StartEnv(t, s.env, "--token-file="+file)
	up = s.want(t, "READY")["STATUS"]
	write("second-token\nthird-token fly\n")
	if got := reload(d); !strings.HasPrefix(got, up) || !strings.Contains(got, kept) || strings.Contains(got, "-token ") {
		t.Errorf("a bad file: %q", got)
	}
	write("second-token\n")
	if got := reload(d); got != up {
		t.Errorf("a good file again: %q, want %q", got, up)
	}
}

func monotonicUsec(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}
