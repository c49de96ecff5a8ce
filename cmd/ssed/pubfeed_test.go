package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ssed/ssed/internal/testtool"
)

// TestPubSkipsRefusedLines checks that a refused line is skipped, and reported with its number and
// the reason.
func TestPubSkipsRefusedLines(t *testing.T) {
	testtool.Long(t, "some of its lines are as long as a line can be")
	t.Parallel()
	d := testtool.Start(t, "--data-max", "1KiB", "--history", "100")
	long, huge := strings.Repeat("x", 1025), strings.Repeat("x", lineBytesMax+1)
	for i, tt := range []struct {
		name  string
		stdin string
		want  []string
		says  []string // the lines before the last one
		last  string
	}{
		{"latin1", "first\ncaf\xe9\nthird\n", []string{"first", "third"}, []string{"line 2 refused: .*UTF-8.* at byte 3"}, "published 2 lines, 1 refused"},
		{"too long for the daemon", "a\n" + long + "\nc\n", []string{"a", "c"}, []string{"line 2 refused: too-long: .*1025.*1024"}, "published 2 lines, 1 refused"},
		{"longer than a line may be", "a\n" + strings.Repeat("x", 4000) + "\nc\n", []string{"a", "c"}, []string{"line 2 refused: too-long: "}, "published 2 lines, 1 refused"},
		{"huge", "a\n" + huge + "\nc\n", []string{"a", "c"}, []string{"line 2 refused: longer than 64MiB: is it text"}, "published 2 lines, 1 refused"},
		{"huge, with CR LF, and another", "a\n" + huge + "\r\n" + huge + "\nd", []string{"a", "d"},
			[]string{"line 2 refused: longer", "line 3 refused: longer"}, "published 2 lines, 2 refused"},
		{"huge, without an end", "a\n" + huge, []string{"a"}, []string{"line 2 refused: longer"}, "published 1 line, 1 refused"},
		{"all of them", "\xff\n\xfe\n", nil, []string{"line 1 refused", "line 2 refused"}, "published 0 lines, 2 refused"},
		{"two after each other", "\xff\n" + long + "\nc\n", []string{"c"}, []string{"line . refused", "line . refused"}, "published 1 line, 2 refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			namespace := fmt.Sprint("/refused/", i)
			r := run(t, strings.NewReader(tt.stdin), toOf(d), "pub", namespace)
			if got := history(t, d, namespace, 0); !slices.Equal(got, tt.want) {
				t.Errorf("published: %q, want %q", got, tt.want)
			}
			said := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
			want := append(slices.Clone(tt.says), regexp.QuoteMeta(tt.last)+"$")
			if r.code != exitFailure || len(said) != len(want) {
				t.Fatalf("exit code %d; stderr %q", r.code, r.stderr)
			}
			for i := range want {
				if !regexp.MustCompile("^ssed: " + want[i]).MatchString(said[i]) {
					t.Errorf("it said %q, want %q", said[i], want[i])
				}
			}
		})
	}
}

// TestPubAcceptsUnusualLines checks that unusual lines that are text are published.
func TestPubAcceptsUnusualLines(t *testing.T) {
	d := testtool.Start(t, "--history", "100")
	run(t, strings.NewReader("\n\x00\na\rb\nc\r\n\r\n \nlast\r"), toOf(d), "pub", "/odd").wantSuccess(t)
	// A CR within data is a line break in SSE.
	if got, want := history(t, d, "/odd", 7), []string{"", "\x00", "a\ndata:b", "c", "", " ", "last"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPubWithRandomBytes checks that of a stream of random bytes, the lines that are text are
// published, and that standard error stays short.
func TestPubWithRandomBytes(t *testing.T) {
	d := testtool.Start(t, "--history", "100000")
	random := rand.New(rand.NewPCG(3, 4))
	var junk bytes.Buffer
	var want []string
	refused := 0
	for range 30_000 {
		line := make([]byte, random.IntN(12))
		for i := range line {
			if line[i] = byte(random.IntN(200)); line[i] == '\n' || line[i] == '\r' {
				line[i] = 0
			}
		}
		if random.IntN(2) == 0 {
			line = append(line, 0xff)
		}
		junk.Write(append(line, '\n'))
		if utf8.Valid(line) {
			want = append(want, string(line))
		} else {
			refused++
		}
	}
	began := time.Now()
	r := run(t, &junk, toOf(d), "pub", "/junk")
	if got := history(t, d, "/junk", len(want)); !slices.Equal(got, want) {
		t.Errorf("%d lines were published, %d of them are text", len(got), len(want))
	}
	last := fmt.Sprintf("ssed: published %d lines, %d refused\n", len(want), refused)
	periods := 1 + int(time.Since(began)/reportEvery)
	if n := strings.Count(r.stderr, "\n"); r.code != exitFailure || !strings.HasSuffix(r.stderr, last) || n > 1+periods*(reportedMax+1) {
		t.Errorf("exit code %d, %d lines on standard error: %q", r.code, n, r.stderr)
	}
	if !regexp.MustCompile(`(?m)^ssed: \d+ more lines refused, the last was line \d+: .*UTF-8`).MatchString(r.stderr) {
		t.Errorf("the lines that were not reported are not counted: %q", r.stderr)
	}
}

// TestPubWithBlockedStandardError checks that a feed continues to publish, and exits, even if a
// report on standard error blocks.
func TestPubWithBlockedStandardError(t *testing.T) {
	testtool.Long(t, "pub waits for a reader")
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(pub *livePub)
		code int
	}{
		{"end of the input", func(pub *livePub) { pub.stdin.Close() }, exitFailure},
		{"signal", func(pub *livePub) { pub.cmd.Process.Signal(syscall.SIGTERM) }, 143},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := testtool.Start(t)
			out, in := pipe(t)
			fill(t, in)
			pub := startPubTo(t, in, d.Publish[0], "/x")
			in.Close()
			subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/x")
			io.WriteString(pub.stdin, "1\n\xff\n\xfe\n2\n")
			for _, want := range []string{"data:1\n\n", "data:2\n\n"} {
				if got := subscriber.Frame(t); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			tt.end(pub)
			if r := pub.end(t); r.code != tt.code {
				t.Errorf("exit code %d, want %d", r.code, tt.code)
			}
			out.Close()
		})
	}
}

// TestPubAndSubReportTheSame checks that both commands report a lost daemon in the same words.
func TestPubAndSubReportTheSame(t *testing.T) {
	testtool.Long(t, "both wait for seconds before they try again")
	t.Parallel()
	d := testtool.Start(t)
	sub := startSub(t, nil, "-v", d.Subscribe[0], "/x")
	subscribed(t, d, 1)
	pub := startPub(t, d.Publish[0], "-v", "/x")
	io.WriteString(pub.stdin, "line\n")
	sub.line(t)
	waitReplies(t, d)
	d.Process.Kill()
	d.Wait(t)
	for _, pattern := range []string{
		`(?m)^ssed: \S+: connection lost: .+; reconnecting in \d+\.\d s$`,
		`(?m)^ssed: \S+: .*connection refused; reconnecting in \d+\.\d s$`,
	} {
		pub.says(t, pattern)
		wanted := regexp.MustCompile(pattern)
		testtool.WaitFor(t, "ssed sub to say "+pattern, func() bool { return wanted.MatchString(sub.stderr.String()) })
	}
}

// TestPubIsInterrupted interrupts pub while it waits for the daemon. The exit code must be that of
// the signal, and pub must report how many lines were not acknowledged.
func TestPubIsInterrupted(t *testing.T) {
	testtool.Long(t, "a publisher waits for seconds before it tries again")
	t.Parallel()
	for _, tt := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		d := testtool.Start(t)
		idle := startPub(t, d.Publish[0], "/x")
		pub := startPub(t, d.Publish[0], "/x")
		subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/x")
		io.WriteString(idle.stdin, "0\n")
		io.WriteString(pub.stdin, "1\n2\n\xff\n")
		for range 3 {
			subscriber.Frame(t)
		}
		pub.says(t, "line 3 refused")
		idle.cmd.Process.Signal(tt.signal)
		if r := idle.end(t); r.code != tt.code || r.stderr != "" {
			t.Errorf("without anything to say: exit code %d, want %d; stderr %q", r.code, tt.code, r.stderr)
		}
		d.Process.Kill()
		d.Wait(t)
		pub.says(t, "connection lost")
		io.WriteString(pub.stdin, "4\n5\n")
		pub.says(t, "connection refused") // it has read line 4 before
		pub.cmd.Process.Signal(tt.signal)
		r := pub.end(t)
		if last := "ssed: stopped by a signal (lines published: 2, refused: 1, not acknowledged: 1)\n"; r.code != tt.code || !strings.HasSuffix(r.stderr, last) {
			t.Errorf("exit code %d, want %d; stderr %q", r.code, tt.code, r.stderr)
		}
	}
}

// hasRead reports whether a child of a process has read to the end of a file.
func hasRead(t *testing.T, parent int, name string) bool {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err != nil {
		t.Fatal(err)
	}
	for child := range strings.FieldsSeq(string(children)) {
		files, _ := filepath.Glob("/proc/" + child + "/fd/*")
		for _, file := range files {
			if target, _ := os.Readlink(file); target != name {
				continue
			}
			position, _ := os.ReadFile("/proc/" + child + "/fdinfo/" + filepath.Base(file))
			if strings.HasPrefix(string(position), fmt.Sprintf("pos:\t%d\n", info.Size())) {
				return true
			}
		}
	}
	return false
}

// TestPubOfALogFile tests "tail -F log | ssed pub /log" across a restart of the daemon, a rotation
// of the file, and a line that is not text.
func TestPubOfALogFile(t *testing.T) {
	testtool.Long(t, "pub follows tail for seconds")
	t.Parallel()
	bash := testtool.Need(t, "bash", "tail")
	folder := t.TempDir()
	store := "--store=" + folder + "/store"
	d := testtool.Start(t, store)
	name := folder + "/app.log"
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(lines ...string) {
		if _, err := io.WriteString(file, text(lines)); err != nil {
			t.Error(err)
		}
	}
	cmd := exec.Command(bash, "-c", `tail -n +1 -F "$1" | "$2" pub --to "$3" /log`, "bash", name, testtool.Build(t), d.Publish[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = testtool.Environ()
	var stderr testtool.LockedBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		if t.Failed() {
			t.Logf("it said:\n%s", stderr.String())
		}
	})
	arrives := func(d *testtool.Daemon, data string) {
		t.Helper()
		s := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/log?last=1000")
		for !strings.HasSuffix(s.Frame(t), "data:"+data+"\n\n") {
		}
	}
	write("1", "caf\xe9", "2")
	arrives(d, "2")
	d.Process.Signal(syscall.SIGTERM)
	d.Wait(t)
	write("3", "4", "5")
	// tail -F closes a file that is moved away, even if it has not read all of it.
	testtool.WaitFor(t, "tail to read the file", func() bool { return hasRead(t, cmd.Process.Pid, name) })
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if file, err = os.Create(name); err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	write("6")
	d = restart(t, d, store)
	write("7")
	arrives(d, "7")
	if got, want := history(t, d, "/log", 7), []string{"1", "2", "3", "4", "5", "6", "7"}; !slices.Equal(got, want) {
		t.Errorf("published: %q", got)
	}
	if !strings.Contains(stderr.String(), "line 2 refused: ") {
		t.Error("the line that is no text was not reported")
	}
}
