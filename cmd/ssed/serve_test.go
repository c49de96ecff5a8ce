package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

func TestServeOnEveryKindOfAddress(t *testing.T) {
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		socket := "unix://" + filepath.Join(shortTempDir(t), "publish.sock")
		d := testtool.Start(t, flag, "--listen=127.0.0.1:0", "--listen=127.0.0.1:0", "--publish=tcp://127.0.0.1:0", "--publish="+socket)
		if len(d.Subscribe) != 2 || len(d.Publish) != 2 || d.Publish[1] != socket {
			t.Fatalf("subscribers at %q, publishers at %q", d.Subscribe, d.Publish)
		}
		first := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets")
		second := testtool.Subscribe(t, d.Subscribe[1]+"/subscribe?ns=/pets&ns=/time")
		for i, to := range d.Publish {
			run(t, nil, nil, "pub", "--to", to, "/pets", fmt.Sprint(i)).wantSuccess(t)
			for _, subscriber := range []*testtool.Subscriber{first, second} {
				if got, want := subscriber.Frame(t), fmt.Sprintf("data:%d\n\n", i); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		}
	})
}

// shortTempDir returns a directory with a path short enough for a socket in it. Linux allows 107
// bytes, and the path of t.TempDir contains the test's name.
func shortTempDir(t *testing.T) string {
	folder, err := os.MkdirTemp("", "ssed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

func TestServeExitsCleanly(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		testtool.BothLoops(t, func(t *testing.T, flag string) {
			socket := filepath.Join(shortTempDir(t), "publish.sock")
			d := testtool.Start(t, flag, "--publish=tcp://127.0.0.1:0", "--publish=unix://"+socket)
			subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/x")
			run(t, nil, toOf(d), "pub", "/x", "last words").wantSuccess(t)
			if err := d.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := d.Wait(t); code != 0 {
				t.Errorf("exit code %d after %v", code, signal)
			}
			if rest := subscriber.Rest(t); len(rest) == 0 || rest[0] != "data:last words\n\n" {
				t.Errorf("an accepted message was not delivered: %q", rest)
			}
			if _, err := os.Stat(socket); !os.IsNotExist(err) {
				t.Errorf("the socket file still exists: %v", err)
			}
		})
	}
}

// stalled starts a daemon with a subscriber that has much pending data and never reads, so the
// daemon cannot drain.
func stalled(t *testing.T) *testtool.Daemon {
	t.Helper()
	d := testtool.Start(t)
	stall(t, d)
	return d
}

// stall adds a subscriber to a daemon that has much pending data and never reads.
func stall(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.Subscribe[0], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /subscribe/x HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the head of the response: it is subscribed
		t.Fatal(err)
	}
	line := strings.Repeat("x", 1<<19) + "\n"
	run(t, strings.NewReader(strings.Repeat(line, 24)), toOf(d), "pub", "/x").wantSuccess(t)
}

func TestDrainingIsBounded(t *testing.T) {
	testtool.Long(t, "it takes as long as draining may")
	t.Parallel()
	if code := stalled(t).Stop(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestSecondSignalExitsImmediately(t *testing.T) {
	d := stalled(t)
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	testtool.WaitFor(t, "the drain to begin", func() bool { return strings.Contains(d.Log(), "msg=draining") })
	// A second signal directly after the first may be merged with it.
	testtool.WaitFor(t, "the end", func() bool { return d.Process.Signal(syscall.SIGTERM) != nil })
	if code := d.Wait(t); code != -1 {
		t.Errorf("exit code %d, want -1 (ended by the signal)", code)
	}
}

// TestFailedEngineExitsTheProcess sets the daemon's limit on open files to 0, so that it cannot
// accept connections and its event loop stops.
func TestFailedEngineExitsTheProcess(t *testing.T) {
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		d := testtool.Start(t, flag)
		none := unix.Rlimit{}
		if err := unix.Prlimit(d.Process.Pid, unix.RLIMIT_NOFILE, &none, nil); err != nil {
			t.Fatal(err)
		}
		if conn, err := net.Dial("tcp", strings.TrimPrefix(d.Subscribe[0], "http://")); err == nil {
			defer conn.Close()
		}
		if code := d.Wait(t); code != exitFailure {
			t.Errorf("exit code %d, want %d", code, exitFailure)
		}
		lines := strings.Split(strings.TrimSpace(d.Log()), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "ssed: ") || !strings.Contains(last, "stopped unexpectedly") {
			t.Errorf("the last line contains no error: %q", last)
		}
	})
}

// TestServeRefusesBadAddresses expects one line, an error, and that no file is deleted: both event
// libraries remove any file at the path of a unix socket.
func TestServeRefusesBadAddresses(t *testing.T) {
	folder := shortTempDir(t)
	keep := filepath.Join(folder, "keep")
	file := filepath.Join(folder, "file")
	socket := filepath.Join(folder, "socket")
	if err := os.Mkdir(keep, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, filepath.Join(keep, "inside")} {
		if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	live, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	tests := []struct{ name, url, says string }{
		{"port in use", "tcp://" + taken.Addr().String(), "in use"},
		{"address that does not exist", "tcp://192.0.2.1:8002", "cannot assign"},
		{"folder", "unix://" + keep, "folder"},
		{"regular file", "unix://" + file, "not a socket"},
		{"live socket", "unix://" + socket, "listening"},
		{"folder that does not exist", "unix://" + filepath.Join(folder, "no", "socket"), "does not exist"},
		{"relative path", "unix://run/socket", "absolute"},
	}
	const token = "SSED_TOKEN=any-token publish" // 192.0.2.1 is not loopback
	refuses := func(t *testing.T, url, says string, args ...string) {
		r := run(t, nil, []string{"SSED_LISTEN=127.0.0.1:0", "SSED_PUBLISH=tcp://127.0.0.1:0", token}, args...)
		if r.code != exitFailure && r.code != exitUsage {
			t.Errorf("exit code %d", r.code)
		}
		r.wantFailure(t, r.code, strings.TrimPrefix(url, "tcp://"), says)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refuses(t, tt.url, tt.says, "--listen="+tt.url)
			refuses(t, tt.url, tt.says, "--publish="+tt.url)
			refuses(t, tt.url, tt.says, "--publish="+tt.url, "--publish-loop=own")
		})
	}

	for _, name := range []string{file, filepath.Join(keep, "inside")} {
		if data, err := os.ReadFile(name); err != nil || string(data) != "precious" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	live.(*net.UnixListener).SetDeadline(time.Now().Add(testtool.Patience))
	go net.Dial("unix", socket)
	if _, err := live.Accept(); err != nil {
		t.Errorf("the socket in use was removed: %v", err)
	}
}

func TestServeReplacesStaleSocket(t *testing.T) {
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		socket := "unix://" + filepath.Join(shortTempDir(t), "publish.sock")
		first := testtool.Start(t, flag, "--publish", socket)
		first.Process.Kill() // a killed process does not remove its socket
		first.Wait(t)
		second := testtool.Start(t, flag, "--publish", socket)
		run(t, nil, toOf(second), "pub", "/x", "y").wantSuccess(t)
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		env := []string{"SSED_TOKEN=pets-token publish /pets;reader-token subscribe"}
		d := testtool.StartEnv(t, env, flag, "--publish=tcp://0.0.0.0:0")
		subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets", "X-Authorization: reader-token")

		run(t, nil, toOf(d), "pub", "/pets", "no token").wantFailure(t, exitFailure, "auth: ")
		run(t, nil, append(toOf(d), "SSED_TOKEN=wrong-token"), "pub", "/pets", "x").wantFailure(t, exitFailure, "auth: ")
		run(t, nil, append(toOf(d), "SSED_TOKEN=reader-token"), "pub", "/pets", "x").wantFailure(t, exitFailure, "auth: ")
		run(t, nil, append(toOf(d), "SSED_TOKEN=pets-token"), "pub", "/cars", "x").wantFailure(t, exitFailure, "auth: ")
		run(t, nil, append(toOf(d), "SSED_TOKEN=pets-token"), "pub", "/pets/dogs", "Corgi").wantSuccess(t)
		if got := subscriber.Frame(t); got != "data:Corgi\n\n" {
			t.Errorf("got %q", got)
		}
		if strings.Contains(d.Log(), "-token") {
			t.Errorf("the log shows a token: %s", d.Log())
		}
	})
}

// TestServeWherePortsAreInUse checks that the error names the flag of the address.
func TestServeWherePortsAreInUse(t *testing.T) {
	d := testtool.Start(t)
	listen, publish := strings.TrimPrefix(d.Subscribe[0], "http://"), d.Publish[0]
	const free = "tcp://127.0.0.1:0"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", listen, "--publish", free}, "cannot listen on " + listen + " (--listen): address already in use; is another ssed running?"},
		{[]string{"--listen", "127.0.0.1:0", "--publish", publish}, "cannot listen on " + publish + " (--publish): address already in use; is another ssed running?"},
		{[]string{"--listen", "127.0.0.1:0", "--publish", free, "--admin", listen}, "--admin: cannot listen on " + listen + ": address already in use"},
	} {
		r := run(t, nil, nil, append([]string{"--log-format=text"}, tt.args...)...)
		if r.code != exitFailure || !strings.HasSuffix(r.stderr, "ssed: "+tt.want+"\n") {
			t.Errorf("exit code %d: %q, want %q", r.code, r.stderr, tt.want)
		}
	}
}
