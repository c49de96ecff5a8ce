package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish"
	"github.com/ssed/ssed/sse"
)

// A logTarget is a kind of standard error for a daemon.
type logTarget struct {
	name string
	// through is a command line that starts the daemon; the daemon's own arguments follow.
	through []string
	open    func(t *testing.T) *openTarget
	visits  int    // enough to lose lines
	reason  string // reason that the log gives for lost lines; empty if no lines are lost
}

// An openTarget is a target while a daemon writes to it.
type openTarget struct {
	stderr *os.File
	fail   func(t *testing.T)        // makes lines get lost from now on
	repair func(t *testing.T)        // ends that; nil if no reader can take over
	text   func(t *testing.T) string // all text that has arrived
	ended  <-chan struct{}           // closed when nothing more can arrive; nil if text is always complete
	cut    bool                      // a line may be cut where the target was full
	doomed uint64                    // lines of the start that are lost, too
}

const (
	many = 1500 // visits: more than logBytesMax and a pipe hold
	some = 60
	// smallFile is the size of a target that can be full, in bytes of log: about ten visits.
	smallFile = 64 << 10
)

var logTargets = []logTarget{
	{"a pipe whose reader hangs", nil, hangingPipe, many, tooSlow},
	{"a pipe whose reader hangs, made non-blocking", nil, nonBlockingPipe, many, tooSlow},
	{"a pipe without a reader", nil, closedPipe, some, "broken pipe"},
	{"a pipe without a reader, SIGPIPE ignored at exec", []string{"sh", "-c", `trap "" PIPE; exec "$0" "$@"`}, closedPipe, some, "broken pipe"},
	{"a socket without a reader", nil, closedSocket, some, "broken pipe"},
	{"a FIFO that gets another reader", nil, reopenedFIFO, some, "broken pipe"},
	{"a full disk that gets room", nil, fullDisk, some, "no space left on device"},
	{"a file at its size limit that is emptied", []string{"prlimit", fmt.Sprintf("--fsize=%d", smallFile)}, emptiedFile, some, "file too large"},
	{"a device that is always full", nil, alwaysFull, some, "no space left on device"},
	{"a terminal that hangs up", nil, hungUpTerminal, some, "input/output error"},
	{"descriptors that are closed at exec", []string{"sh", "-c", `exec "$0" "$@" <&- >&- 2>&-`}, closedAtExec, some, ""},
}

// TestLogTargets makes a daemon's log fail in every possible way. Subscribers and publishers must
// be served as before. Each line must arrive or be counted: by the metric and, as soon as the log
// is writable again, by a line at the place of the missing lines.
func TestLogTargets(t *testing.T) {
	testtool.Long(t, "1,500 clients come and go for each kind of standard error")
	for _, target := range logTargets {
		t.Run(target.name, func(t *testing.T) {
			testtool.BothLoops(t, func(t *testing.T, flag string) { target.try(t, flag) })
		})
	}
}

func (target *logTarget) try(t *testing.T, flag string) {
	if len(target.through) > 0 {
		testtool.Need(t, target.through[0])
	}
	to := target.open(t)
	d := startLogger(t, target.through, to.stderr, flag)
	to.fail(t)
	d.serve(t, target.visits)
	logged := uint64(linesPerVisit * target.visits)
	if to.repair == nil {
		want := logged + to.doomed
		if target.reason == "" {
			want = 0
		}
		testtool.WaitFor(t, fmt.Sprintf("%d lines to be lost", want), func() bool { return d.lost(t) >= want })
		if lost := d.lost(t); lost != want {
			t.Errorf("%d lines are lost, want %d", lost, want)
		}
		d.end(t)
		return
	}
	to.repair(t)
	d.serve(t, 1) // so that there is something to write
	testtool.WaitFor(t, "the number of lost lines in the log", func() bool { return readTarget(to.text(t)).lost > 0 })
	lost := d.lost(t)
	d.end(t)
	if to.ended != nil {
		<-to.ended
	}
	got := readTarget(to.text(t))
	if logged += linesPerVisit + 2; uint64(got.ofClients)+got.lost != logged { // 2 lines of the bystander
		t.Errorf("%d lines arrived and %d were reported as lost, of %d", got.ofClients, got.lost, logged)
	}
	if got.lost != lost || got.reason != target.reason {
		t.Errorf("the log reports that %d lines are lost, reason %q, want %d, reason %q", got.lost, got.reason, lost, target.reason)
	}
	if len(got.broken) > 1 || len(got.broken) == 1 && (!to.cut || !strings.HasPrefix(got.broken[0], `{"time":"`)) {
		t.Errorf("not lines of a log: %q", got.broken)
	}
	if !got.drained {
		t.Error("the last line of the log is missing")
	}
}

// A logger is a daemon that logs much and can lose lines.
type logger struct {
	cmd         *exec.Cmd
	subscribers string // unix socket for subscribers
	client      *publish.Client
	bystander   visited
}

func startLogger(t *testing.T, through []string, stderr *os.File, flag string) *logger {
	t.Helper()
	folder := shortTempDir(t)
	d := &logger{subscribers: filepath.Join(folder, "s")}
	publishers := "unix://" + filepath.Join(folder, "p")
	line := append(through[:len(through):len(through)], testtool.Build(t), flag, "--log-format=json", "--log-level=debug",
		"--listen=unix://"+d.subscribers, "--publish="+publishers, "--drain=0s")
	d.cmd = exec.Command(line[0], line[1:]...)
	d.cmd.Env = testtool.Environ()
	d.cmd.Stderr = stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.Close() // the daemon has its own copy
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		d.cmd.Wait()
	})
	testtool.WaitFor(t, "the daemon to be up", func() (up bool) {
		var err error
		d.client, err = publish.Dial(t.Context(), publishers)
		return err == nil
	})
	t.Cleanup(func() { d.client.Close() })
	d.bystander = visit(t, d.subscribers, "/subscribe/x")
	return d
}

// linesPerVisit counts "subscriber connected" and "subscriber disconnected", each of more than
// 1 KB, and "request refused".
const linesPerVisit = 3

// serve serves visitors while a publisher publishes to a subscriber.
func (d *logger) serve(t *testing.T, visits int) {
	t.Helper()
	long := "/subscribe" + strings.Repeat("/"+strings.Repeat("n", 99), 10)
	for n := range visits {
		visit(t, d.subscribers, long).Close()
		visit(t, d.subscribers, "/nothing").Close()
		data := fmt.Sprint("message ", n)
		if _, err := d.client.Publish(t.Context(), sse.Message{Namespace: "/x", Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
		d.bystander.wantLine(t, "data:"+data+"\n")
	}
	testtool.WaitFor(t, "the last of the visitors to be gone", func() bool { return d.metric(t, "ssed_subscribers") == 1 })
}

// lost returns the number of lost log lines, from the metrics and the status.
func (d *logger) lost(t *testing.T) uint64 {
	t.Helper()
	var status struct {
		Lost *uint64 `json:"log_lines_lost"`
	}
	before := d.metric(t, "ssed_log_lines_lost_total")
	answer := getUnix(t, d.subscribers, "/admin/status.json?limit=0")
	if err := json.Unmarshal([]byte(answer), &status); err != nil || status.Lost == nil {
		t.Fatalf("no log_lines_lost: %v: %s", err, answer)
	}
	if after := d.metric(t, "ssed_log_lines_lost_total"); *status.Lost < before || *status.Lost > after {
		t.Errorf("log_lines_lost is %d, the metric was %d before and %d after", *status.Lost, before, after)
	}
	return *status.Lost
}

func (d *logger) metric(t *testing.T, name string) uint64 {
	t.Helper()
	answer := getUnix(t, d.subscribers, "/metrics")
	_, value, found := strings.Cut(answer, "\n"+name+" ")
	value, _, _ = strings.Cut(value, "\n")
	n, err := strconv.ParseUint(value, 10, 64)
	if !found || err != nil {
		t.Fatalf("%s is %q, %v", name, value, err)
	}
	return n
}

// end stops the daemon and expects exit code 0.
func (d *logger) end(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testtool.Patience):
		t.Fatalf("it is still there after %v", testtool.Patience)
	}
}

// A targetLog is the parsed content of a log.
type targetLog struct {
	ofClients int      // lines about visitors
	lost      uint64   // total of the lost lines that it reports
	reason    string   // the latest reason
	broken    []string // non-empty lines that are not JSON
	drained   bool
}

// readTarget parses a JSON log.
func readTarget(text string) (found targetLog) {
	for line := range strings.Lines(text) {
		var record struct {
			Msg, Reason string
			Lines       uint64
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil && strings.TrimSpace(line) != "" {
			found.broken = append(found.broken, line)
		}
		switch record.Msg {
		case "subscriber connected", "subscriber disconnected", "request refused":
			found.ofClients++
		case "log lines were lost":
			found.lost += record.Lines
			found.reason = record.Reason
		case "draining":
			found.drained = true
		}
	}
	return found
}

// A visited is a connection on which a request was answered.
type visited struct {
	net.Conn
	stream *bufio.Reader
}

// visit requests a target over a daemon's unix socket, and returns when the response begins.
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

// wantLine waits for a line with this beginning.
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
