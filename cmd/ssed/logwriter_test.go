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
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A fakeReader of the log can hang, and can fail.
type fakeReader struct {
	mu     sync.Mutex // held while it hangs
	broken bool
	text   bytes.Buffer
}

func (r *fakeReader) Write(lines []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return 0, errors.New("nobody reads this")
	}
	return r.text.Write(lines)
}

// hang keeps it from reading until the function that it returns is called.
func (r *fakeReader) hang() (goOn func()) {
	r.mu.Lock()
	return r.mu.Unlock
}

var lostLine = regexp.MustCompile(`(?m)^time=.* level=WARN msg="lines of the log are missing here.*" lines=(\d+)$`)

// lostLines adds up what a log says is missing.
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

// TestLogWriterKeepsAllInOrder has many write at once, as much as there is room for.
func TestLogWriterKeepsAllInOrder(t *testing.T) {
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

// TestLogWriterNeverBlocks writes far more than there is room for while nobody
// reads. The log then has what there was room for, how much was lost, and what
// came later, in this order.
func TestLogWriterNeverBlocks(t *testing.T) {
	var reader fakeReader
	w := newLogWriter(&reader)
	goOn := reader.hang()
	const lines = 50_000
	for n := range lines {
		fmt.Fprintf(w, "%-99d\n", n)
	}
	w.mu.Lock()
	queued := len(w.queue)
	w.mu.Unlock()
	if queued > logBytesMax || queued < logBytesMax-100 {
		t.Errorf("%d bytes wait, %d are allowed", queued, logBytesMax)
	}
	goOn()
	testtool.WaitFor(t, "the queue to be empty", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.queue) == 0 && w.lost == 0
	})
	fmt.Fprintf(w, "later\n")
	w.end("last\n", testtool.Patience)

	log := reader.text.String()
	kept := 0
	for strings.HasPrefix(log[100*kept:], fmt.Sprintf("%-99d\n", kept)) {
		kept++
	}
	if got := lostLines(t, log); kept+got != lines || kept < logBytesMax/100 {
		t.Errorf("%d lines are there, and %d are said to be lost, of %d", kept, got, lines)
	}
	if rest := log[100*kept:]; !lostLine.MatchString(rest) || strings.Count(rest, "\n") != 3 || !strings.HasSuffix(rest, "\nlater\nlast\n") {
		t.Errorf("and then there is %q", rest)
	}
}

// TestLogWriterEndsInTime also if nobody reads, and then takes no more.
func TestLogWriterEndsInTime(t *testing.T) {
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

// TestLogWriterTellsOfFailures: what cannot be written is counted, too.
func TestLogWriterTellsOfFailures(t *testing.T) {
	reader := &fakeReader{broken: true}
	w := newLogWriter(reader)
	w.Write([]byte("1\n"))
	testtool.WaitFor(t, "the failure to be noticed", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.lost == 1
	})
	goOn := reader.hang()
	reader.broken = false
	goOn()
	w.Write([]byte("2\n"))
	w.end("last\n", testtool.Patience)
	if log := reader.text.String(); lostLines(t, log) != 2 || !strings.HasSuffix(log, "\nlast\n") {
		t.Errorf("2 lines are lost, but the log is %q", log)
	}
}

// A logPipe is a daemon's standard error that is read only when a test says so.
type logPipe struct {
	out, in *os.File
	lines   *bufio.Reader
}

func newLogPipe(t *testing.T) *logPipe {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		out.Close()
	})
	return &logPipe{out, in, bufio.NewReader(out)}
}

// start starts "ssed args..." on the pipe. It is killed when the test ends.
func (p *logPipe) start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(testtool.Build(t), args...)
	cmd.Env, cmd.Stderr = testtool.Environ(), p.in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
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

// readTo reads to a line that matches, and returns it and all before it.
func (p *logPipe) readTo(t *testing.T, match *regexp.Regexp) (log string) {
	t.Helper()
	p.out.SetReadDeadline(time.Now().Add(testtool.Patience))
	for {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the log has no line that matches %s: %v", match, err)
		}
		if log += line; match.MatchString(line) {
			return log
		}
	}
}

// readAll reads to the end of the process, without what fill has written.
func (p *logPipe) readAll(t *testing.T) (log string) {
	t.Helper()
	p.in.Close() // the process has its own
	p.out.SetReadDeadline(time.Now().Add(testtool.Patience))
	text, err := io.ReadAll(p.lines)
	if err != nil {
		t.Fatalf("the log does not end: %v", err)
	}
	return strings.ReplaceAll(string(text), "\x00", "")
}

// TestNobodyReadsTheLog provokes more lines than there is room for, and nobody
// reads them. Subscribers and publishers are served as ever. Once the log is read,
// each line is there, or counted.
func TestNobodyReadsTheLog(t *testing.T) {
	bothLoops(t, func(t *testing.T, flag string) {
		folder, pipe := shortTempDir(t), newLogPipe(t)
		subscribers, publishers := filepath.Join(folder, "s"), "unix://"+filepath.Join(folder, "p")
		cmd := pipe.start(t, flag, "--listen=unix://"+subscribers, "--publish="+publishers, "--log-level=debug", "--drain=0s")
		var client *publish.Client
		testtool.WaitFor(t, "the daemon to be up", func() (up bool) {
			var err error
			client, err = publish.Dial(t.Context(), publishers)
			return err == nil
		})
		defer client.Close()
		bystander := visit(t, subscribers, "/subscribe/x")

		const visits = 1500 // a CONNECT and a DISCONNECT each, of more than 1 KB; and a refusal
		long := "/subscribe" + strings.Repeat("/"+strings.Repeat("n", 99), 10)
		for n := range visits {
			visit(t, subscribers, long).Close()
			visit(t, subscribers, "/nothing").Close()
			data := fmt.Sprint("message ", n)
			if _, err := client.Publish(t.Context(), sse.Message{Namespace: "/x", Data: []byte(data)}); err != nil {
				t.Fatal(err)
			}
			bystander.wantLine(t, "data:"+data+"\n")
		}
		log := pipe.readTo(t, lostLine)
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		log += pipe.readAll(t)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		wantEveryLine(t, log, 3*visits+2) // the bystander's two
	})
}

// wantEveryLine wants all lines of subscribers that came, went and were refused to
// be there, or to be counted; and the daemon's last.
func wantEveryLine(t *testing.T, log string, all int) {
	t.Helper()
	found := 0
	for _, message := range []string{"CONNECT", "DISCONNECT", `"a request is refused"`} {
		found += strings.Count(log, " msg="+message+" ")
	}
	if lost := lostLines(t, log); lost == 0 || found+lost != all {
		t.Errorf("%d lines are there and %d are said to be lost, of %d", found, lost, all)
	}
	if !strings.Contains(log, " msg=draining ") {
		t.Error("the last line of the log is missing")
	}
}

// A visited socket has answered a request.
type visited struct {
	net.Conn
	stream *bufio.Reader
}

// visit asks a daemon's unix socket for a target, and returns once the answer begins.
func visit(t *testing.T, socket, target string) visited {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	v := visited{conn, bufio.NewReader(conn)}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target)
	v.wantLine(t, "HTTP/1.1 ")
	return v
}

// wantLine waits for a line that begins like this.
func (v visited) wantLine(t *testing.T, prefix string) {
	t.Helper()
	v.SetReadDeadline(time.Now().Add(testtool.Patience))
	for {
		line, err := v.stream.ReadString('\n')
		if err != nil {
			t.Fatalf("no line that begins with %q: %v", prefix, err)
		}
		if strings.HasPrefix(line, prefix) {
			return
		}
	}
}

// failing are flags for a daemon that logs something and dies: its token file can
// be read by all, and its address is taken.
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

// TestWhyItDiedComesLast: after all that was logged, also where that had to wait.
func TestWhyItDiedComesLast(t *testing.T) {
	pipe := newLogPipe(t)
	pipe.fill(t)
	pipe.start(t, failing(t)...)
	log := pipe.readAll(t)
	first, rest, _ := strings.Cut(log, "\n")
	if !strings.Contains(first, "every user of this machine may read the tokens") ||
		!strings.HasPrefix(rest, "ssed: ") || strings.Count(rest, "\n") != 1 {
		t.Errorf("got %q", log)
	}
}

// TestItDiesAlthoughNobodyReadsTheLog, and tells by its exit code how.
func TestItDiesAlthoughNobodyReadsTheLog(t *testing.T) {
	pipe := newLogPipe(t)
	pipe.fill(t)
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
