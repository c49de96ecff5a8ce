package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// hangingPipe returns a pipe without a reader until it is repaired.
func hangingPipe(t *testing.T) *openTarget {
	out, in := pipe(t)
	to := &openTarget{stderr: in, fail: func(*testing.T) {}}
	to.repair = func(*testing.T) { to.read(out) }
	return to
}

// nonBlockingPipe returns a pipe that another process, which shares it, makes non-blocking.
func nonBlockingPipe(t *testing.T) *openTarget {
	to := hangingPipe(t)
	shared, err := unix.Dup(int(to.stderr.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	to.fail = func(t *testing.T) {
		if err := unix.SetNonblock(shared, true); err != nil {
			t.Fatal(err)
		}
		unix.Close(shared)
	}
	return to
}

func closedPipe(t *testing.T) *openTarget {
	out, in := pipe(t)
	return &openTarget{stderr: in, fail: func(t *testing.T) { readStart(t, out).Close() }}
}

func closedSocket(t *testing.T) *openTarget {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	out, in := os.NewFile(uintptr(ends[0]), "a socket"), os.NewFile(uintptr(ends[1]), "its peer")
	t.Cleanup(func() { out.Close() })
	return &openTarget{stderr: in, fail: func(t *testing.T) { readStart(t, out).Close() }}
}

// reopenedFIFO returns a FIFO with a reader that closes it in the middle of a line. The next reader
// receives the rest.
func reopenedFIFO(t *testing.T) *openTarget {
	path := filepath.Join(t.TempDir(), "log")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	to := &openTarget{stderr: in}
	var beginning []byte
	to.fail = func(t *testing.T) { // a whole line is in the FIFO as soon as it begins to arrive
		first.SetReadDeadline(time.Now().Add(testtool.Patience))
		for one := make([]byte, 1); bytes.Count(beginning, []byte("\n")) < startLines-1 || one[0] == '\n'; {
			if _, err := io.ReadFull(first, one); err != nil {
				t.Fatal(err)
			}
			beginning = append(beginning, one...)
		}
		first.Close()
	}
	to.repair = func(t *testing.T) {
		next, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { next.Close() })
		to.read(io.MultiReader(bytes.NewReader(beginning), next))
	}
	return to
}

// fullDisk returns a file on a disk with room for a small part of the log, until another file is
// removed.
func fullDisk(t *testing.T) *openTarget {
	folder := testtool.SmallDisk(t, 2*smallFile)
	other, log := filepath.Join(folder, "other"), filepath.Join(folder, "log")
	if err := os.WriteFile(other, make([]byte, smallFile), 0o600); err != nil {
		t.Fatal(err)
	}
	return &openTarget{
		stderr: create(t, log),
		fail:   func(*testing.T) {},
		repair: func(t *testing.T) {
			if err := os.Remove(other); err != nil {
				t.Fatal(err)
			}
		},
		text: func(t *testing.T) string { return contents(t, log) },
		cut:  true,
	}
}

// emptiedFile returns a log that cannot grow any more. It is then copied and truncated, as
// logrotate's copytruncate does.
func emptiedFile(t *testing.T) *openTarget {
	log, copied := filepath.Join(t.TempDir(), "log"), ""
	return &openTarget{
		stderr: create(t, log),
		fail:   func(*testing.T) {},
		repair: func(t *testing.T) {
			copied = contents(t, log)
			if err := os.Truncate(log, 0); err != nil {
				t.Fatal(err)
			}
		},
		text: func(t *testing.T) string { return copied + contents(t, log) },
		cut:  true,
	}
}

func alwaysFull(t *testing.T) *openTarget {
	in, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &openTarget{stderr: in, fail: func(*testing.T) {}, doomed: startLines}
}

func hungUpTerminal(t *testing.T) *openTarget {
	terminal := testtool.NewTerminal(t)
	return &openTarget{stderr: terminal.Side, fail: func(t *testing.T) {
		testtool.WaitFor(t, "the lines of the start", func() bool { return strings.Count(terminal.Output(), "\n") >= startLines })
		terminal.HangUp(t)
	}}
}

// closedAtExec returns a pipe that is not passed to the daemon. The daemon must not reuse the
// descriptors 0 to 2 for its sockets, because the log or a crash would be written to them.
func closedAtExec(t *testing.T) *openTarget {
	out, in := pipe(t)
	return &openTarget{stderr: in, fail: func(t *testing.T) {
		if text, err := io.ReadAll(out); len(text) > 0 || err != nil { // the end of the pipe: no process has it
			t.Errorf("it was written to: %q, %v", text, err)
		}
	}}
}

func pipe(t *testing.T) (out, in *os.File) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return out, in
}

// create opens a log file as a shell does for ">>".
func create(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// read reads a target to its end, in the background.
func (to *openTarget) read(from io.Reader) {
	text, ended := &testtool.LockedBuffer{}, make(chan struct{})
	to.text, to.ended = func(*testing.T) string { return text.String() }, ended
	go func() {
		defer close(ended)
		io.Copy(text, from)
	}()
}

// startLines is how many lines a daemon of startLogger logs first: two of gnet, "ssed is up" and
// and "subscriber connected".
const startLines = 4

// readStart reads these lines, so that all later lines are lost.
func readStart(t *testing.T, out *os.File) *os.File {
	t.Helper()
	for lines := 0; lines < startLines; {
		some := make([]byte, 4096)
		n, err := out.Read(some)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(some[:n], []byte("\n"))
	}
	return out
}

// getUnix requests a page over a daemon's unix socket.
func getUnix(t *testing.T, socket, path string) string {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: testtool.Patience}
	res, err := client.Get("http://localhost" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v, %v: %s", path, res.Status, err, body)
	}
	return string(body)
}
