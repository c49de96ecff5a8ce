package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
)

// A fakeReader is a reader of the log that can block and fail.
type fakeReader struct {
	mu     sync.Mutex // locked while it blocks
	broken bool
	text   bytes.Buffer
}

func (r *fakeReader) Write(lines []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return 0, errors.New("the pipe has no reader")
	}
	return r.text.Write(lines)
}

// hang blocks the reader until the returned function is called.
func (r *fakeReader) hang() (goOn func()) {
	r.mu.Lock()
	return r.mu.Unlock
}

var lostLine = regexp.MustCompile(`(?m)^time=.* level=WARN msg="log lines were lost" lines=(\d+) reason="[^"]+"$`)

// lostLines returns the total of the missing lines that a log reports.
func lostLines(t *testing.T, log string) (lost int) {
	t.Helper()
	for _, found := range lostLine.FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		lost += n
	}
	return lost
}

// TestLogWriterKeepsOrder has many goroutines write at the same time, as much as fits.
func TestLogWriterKeepsOrder(t *testing.T) {
	var reader fakeReader
	w := newLogWriter(&reader)
	const writers, each = 8, 2000
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			for n := range each {
				fmt.Fprintf(w, "%d %d\n", i, n)
			}
		})
	}
	writing.Wait()
	w.end("the last line\n", testtool.Patience)
	var next [writers]int
	lines := strings.Split(strings.TrimSuffix(reader.text.String(), "\n"), "\n")
	for _, line := range lines[:len(lines)-1] {
		var i, n int
		if _, err := fmt.Sscanf(line, "%d %d", &i, &n); err != nil || n != next[i] {
			t.Fatalf("%q (%v), want line %d", line, err, next[i])
		}
		next[i]++
	}
	if len(lines) != writers*each+1 || lines[len(lines)-1] != "the last line" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

// TestLogWriterNeverBlocks writes far more than fits while no reader reads. The log must then
// contain, in this order, the lines that fit, the number of lost lines, and the later lines.
func TestLogWriterNeverBlocks(t *testing.T) {
	var reader fakeReader
	w := newLogWriter(&reader)
	goOn := reader.hang()
	const lines = 50_000
	for n := range lines {
		fmt.Fprintf(w, "%-99d\n", n)
		if n == 0 { // the queue does not drain from here on, so all lost lines are in one place
			testtool.WaitFor(t, "the writer to hang", func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return len(w.queue) == 0
			})
		}
	}
	w.mu.Lock()
	queued := len(w.queue)
	w.mu.Unlock()
	if queued > logBytesMax || queued < logBytesMax-100 {
		t.Errorf("%d bytes are queued, at most %d are allowed", queued, logBytesMax)
	}
	goOn()
	testtool.WaitFor(t, "the queue to be empty", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.queue) == 0 && w.overflow == 0
	})
	fmt.Fprintf(w, "later\n")
	w.end("last\n", testtool.Patience)

	log := reader.text.String()
	kept := 0
	for strings.HasPrefix(log[100*kept:], fmt.Sprintf("%-99d\n", kept)) {
		kept++
	}
	if got := lostLines(t, log); kept+got != lines || kept < logBytesMax/100 {
		t.Errorf("%d lines arrived and %d were reported as lost, of %d", kept, got, lines)
	}
	if rest := log[100*kept:]; !lostLine.MatchString(rest) || strings.Count(rest, "\n") != 3 || !strings.HasSuffix(rest, "\nlater\nlast\n") {
		t.Errorf("unexpected rest %q", rest)
	}
}

// TestLogWriterEndTimesOut checks that end returns in time even if no reader reads, and that later
// lines are dropped.
func TestLogWriterEndTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, in := io.Pipe()
		w := newLogWriter(in)
		fmt.Fprintln(w, "a line")
		begin := time.Now()
		w.end("last\n", time.Second)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %v", took)
		}
		fmt.Fprintln(w, "too late")
		go func() {
			<-w.done
			in.Close()
		}()
		if log, err := io.ReadAll(out); string(log) != "a line\nlast\n" {
			t.Errorf("got %q, %v", log, err)
		}
		begin = time.Now()
		if w.end("twice\n", time.Second); time.Since(begin) != 0 {
			t.Error("the second end took time")
		}
	})
}

// TestLogWriterCountsFailedWrites checks that lines that cannot be written are counted.
func TestLogWriterCountsFailedWrites(t *testing.T) {
	reader := &fakeReader{broken: true}
	w := newLogWriter(reader)
	w.Write([]byte("1\n"))
	testtool.WaitFor(t, "the failure to be noticed", func() bool { return w.lost() == 1 })
	goOn := reader.hang()
	reader.broken = false
	goOn()
	w.Write([]byte("2\n"))
	w.end("last\n", testtool.Patience)
	log := reader.text.String()
	if rest, found := strings.CutSuffix(log, "\n2\nlast\n"); !found || lostLines(t, rest+"\n") != 1 {
		t.Errorf("1 line is lost before another, but the log is %q", log)
	}
}

// A smallTarget accepts a number of bytes, then fails until it gets more room.
type smallTarget struct {
	mu   sync.Mutex
	room int
	text bytes.Buffer
}

func (s *smallTarget) Write(lines []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n = min(s.room, len(lines)); n < len(lines) {
		err = errors.New("it is full")
	}
	s.room -= n
	s.text.Write(lines[:n])
	return n, err
}

// TestLogWriterWithCutWrites gives a target room for every number of bytes of some lines, then for
// every number of bytes of the next ones, then for all. Wherever a write is cut, each line must be
// complete or counted, and no line may run into another.
func TestLogWriterWithCutWrites(t *testing.T) {
	write := func(w *logWriter, room *smallTarget, bytes int, lines ...string) {
		room.mu.Lock()
		room.room = bytes
		room.mu.Unlock()
		w.writeBatch([]byte(strings.Join(lines, "")))
	}
	for first := range 20 {
		for second := range 200 {
			target := &smallTarget{}
			w := &logWriter{out: target}
			write(w, target, first, "line 1\n", "line 2\n", "line 3\n")
			write(w, target, second, "line 4\n", "line 5\n")
			write(w, target, 1000, "line 6\n", "line 7\n")
			log, found := target.text.String(), 0
			for line := range strings.Lines(log) {
				switch {
				case len(line) == len("line 1\n") && strings.HasPrefix(line, "line "):
					found++
				case strings.Count(line, "line ") > 1:
					t.Fatalf("%d, %d: a line ran into another: %q", first, second, line)
				}
			}
			if lost := lostLines(t, log); found+lost != 7 || uint64(lost) != w.lost() {
				t.Fatalf("%d, %d: %d lines are there, %d are said to be lost and %d are counted, of 7: %q", first, second, found, lost, w.lost(), log)
			}
		}
	}
}

// A logPipe is the standard error of a daemon. It is read only when a test requests it.
type logPipe struct {
	out, in *os.File
	lines   *bufio.Reader
}

func newLogPipe(t *testing.T) *logPipe {
	t.Helper()
	out, in := pipe(t)
	t.Cleanup(func() { in.Close() })
	return &logPipe{out, in, bufio.NewReader(out)}
}

// start starts "ssed args..." on the pipe. The process is killed at the end of the test.
func (p *logPipe) start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(testtool.Build(t), args...)
	cmd.Env, cmd.Stderr = append(testtool.Environ(), testtool.LoopsEnviron()...), p.in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// fill fills the pipe, so that the next write blocks. It opens the pipe a second time, because its
// own writes must not block, and those of the daemon must.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", pipe.Fd()), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
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

// readAll reads until the process exits, and drops the bytes that fill wrote.
func (p *logPipe) readAll(t *testing.T) (log string) {
	t.Helper()
	p.in.Close() // the process has its own copy
	p.out.SetReadDeadline(time.Now().Add(testtool.Patience))
	text, err := io.ReadAll(p.lines)
	if err != nil {
		t.Fatalf("the log does not end: %v", err)
	}
	return strings.ReplaceAll(string(text), "\x00", "")
}

// failing returns flags for a daemon that logs a warning and exits with an error: its token file is
// readable by every user, and its address is in use.
func failing(t *testing.T) (args []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("some-token\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return []string{"--listen=" + listener.Addr().String(), "--publish=tcp://127.0.0.1:0", "--token-file=" + file}
}

// TestFinalErrorIsTheLastLine checks that the error follows all log lines, even if they had to wait
// for the reader.
func TestFinalErrorIsTheLastLine(t *testing.T) {
	pipe := newLogPipe(t)
	fill(t, pipe.in)
	pipe.start(t, failing(t)...)
	log := pipe.readAll(t)
	first, rest, _ := strings.Cut(log, "\n")
	if !strings.Contains(first, "file with tokens is readable by every user") ||
		!strings.HasPrefix(rest, "ssed: ") || strings.Count(rest, "\n") != 1 {
		t.Errorf("got %q", log)
	}
}

// TestExitWithoutALogReader checks that the process exits with the right code if no reader reads
// the log.
func TestExitWithoutALogReader(t *testing.T) {
	pipe := newLogPipe(t)
	fill(t, pipe.in)
	cmd := pipe.start(t, failing(t)...)
	died := make(chan struct{})
	go func() {
		cmd.Wait()
		close(died)
	}()
	select {
	case <-died:
	case <-time.After(testtool.Patience):
		t.Fatalf("it is still there after %v", testtool.Patience)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitFailure {
		t.Errorf("exit code %d, want %d", code, exitFailure)
	}
}
