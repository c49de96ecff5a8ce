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
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ssed/ssed/internal/testtool"
)

// A livePub is a "ssed pub" that runs.
type livePub struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr testtool.LockedBuffer
	ended  chan struct{}
}

// startPub starts "ssed pub args..." for lines that the test writes.
func startPub(t *testing.T, to string, args ...string) *livePub {
	t.Helper()
	return startPubTo(t, nil, to, args...)
}

// startPubTo is startPub with another standard error, unless that is nil.
func startPubTo(t *testing.T, stderr *os.File, to string, args ...string) *livePub {
	t.Helper()
	p := &livePub{ended: make(chan struct{})}
	p.cmd = exec.Command(testtool.Build(t), append([]string{"pub", "--to", to}, args...)...)
	p.cmd.Env = testtool.Environ()
	p.cmd.Stderr = &p.stderr
	if stderr != nil {
		p.cmd.Stderr = stderr
	}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("ssed pub said:\n%s", p.stderr.String())
		}
	})
	return p
}

// says waits until standard error matches pattern. It fails at once if the process ends
// without a match.
func (p *livePub) says(t *testing.T, pattern string) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	matches := func() bool { return wanted.MatchString(p.stderr.String()) }
	testtool.WaitFor(t, "ssed pub to say "+pattern, func() bool { return matches() || isClosed(p.ended) })
	if !matches() {
		t.Fatalf("ssed pub ended with exit code %d and did not say %s", p.cmd.ProcessState.ExitCode(), pattern)
	}
}

// writeParts writes each part to standard input when it comes, and closes standard input
// after the last one. A test holds a part back to keep the process from its end.
func (p *livePub) writeParts(parts <-chan []string) (written <-chan error) {
	result := make(chan error, 1)
	go func() {
		var err error
		for part := range parts {
			if err == nil {
				_, err = io.WriteString(p.stdin, text(part))
			}
		}
		p.stdin.Close()
		result <- err
	}()
	return result
}

// end waits for its end.
func (p *livePub) end(t *testing.T) result {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(testtool.Patience):
		t.Fatalf("ssed pub does not end; it said %q", p.stderr.String())
	}
	return result{"", p.stderr.String(), p.cmd.ProcessState.ExitCode()}
}

// history is the data of the newest messages of a namespace that a daemon keeps, oldest
// first, which are at least as many as wanted.
func history(t *testing.T, d *testtool.Daemon, namespace string, wanted int) (data []string) {
	t.Helper()
	publishAll(t, d, namespace, "the last one")
	s := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe"+namespace+"?last=200000")
	for {
		frame := s.Frame(t)
		_, text, _ := strings.Cut(strings.TrimSuffix(frame, "\n\n"), "data:")
		text = strings.TrimPrefix(text, " ") // before data that begins with one
		if text == "the last one" {
			break
		}
		data = append(data, text)
	}
	if len(data) < wanted {
		t.Errorf("the daemon has %d messages, at least %d were published", len(data), wanted)
	}
	return data
}

// restart starts a daemon where another one was.
func restart(t *testing.T, before *testtool.Daemon, args ...string) *testtool.Daemon {
	t.Helper()
	return testtool.Start(t, append([]string{"--publish", before.Publish[0]}, args...)...)
}

func numbers(from, to int) (lines []string) {
	for i := from; i <= to; i++ {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	return lines
}

func text(lines []string) string { return strings.Join(lines, "\n") + "\n" }

// TestPubSkipsRefusedLines: a line that is refused costs that line, and its number and
// the reason are said.
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
				t.Fatalf("exit code %d; it said %q", r.code, r.stderr)
			}
			for i := range want {
				if !regexp.MustCompile("^ssed: " + want[i]).MatchString(said[i]) {
					t.Errorf("it said %q, want %q", said[i], want[i])
				}
			}
		})
	}
}

// TestPubTakesOddLines that are text all the same.
func TestPubTakesOddLines(t *testing.T) {
	d := testtool.Start(t, "--history", "100")
	run(t, strings.NewReader("\n\x00\na\rb\nc\r\n\r\n \nlast\r"), toOf(d), "pub", "/odd").wantSuccess(t)
	// A CR within data is a line break for SSE.
	if got, want := history(t, d, "/odd", 7), []string{"", "\x00", "a\ndata:b", "c", "", " ", "last"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPubSurvivesJunk: a stream of bytes that are no text publishes the lines that are,
// and standard error stays short.
func TestPubSurvivesJunk(t *testing.T) {
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

// TestPubWithoutAReaderOfItsReports: a feed publishes on, and ends, also if a report on
// standard error blocks.
func TestPubWithoutAReaderOfItsReports(t *testing.T) {
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

// TestPubOverRestarts: a feed goes on when the daemon ends or is killed, and comes back.
// With a store each line is there once, in order. The daemon may be away at the end of
// the input, too.
func TestPubOverRestarts(t *testing.T) {
	testtool.Long(t, "a publisher waits for seconds after each of six restarts")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			store := "--store=" + t.TempDir()
			d := testtool.Start(t, store)
			subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/feed")
			pub := startPub(t, d.Publish[0], "/feed")
			const restarts = 3
			// A part has more lines than pub sends without a reply. The test writes one after the
			// end of each daemon, so pub never reaches the end of its input before the last one.
			part := testtool.FewerUnderRace(15_000)
			total := (restarts + 1) * part
			parts := make(chan []string, restarts+1)
			written := pub.writeParts(parts)
			parts <- numbers(1, part)
			subscriber.Frame(t) // messages flow
			for n := 1; n <= restarts; n++ {
				d.Process.Signal(signal)
				d.Wait(t)
				pub.says(t, fmt.Sprintf("(?s)((connection lost|busy).*){%d}", n))
				parts <- numbers(n*part+1, (n+1)*part)
				d = restart(t, d, store)
				// A daemon that ends before pub has its first reply is another failed attempt,
				// which pub does not call a lost connection.
				pub.says(t, fmt.Sprintf("(?s)(connected again.*){%d}", n))
			}
			close(parts)
			r := pub.end(t)
			if err := <-written; err != nil || r.code != 0 {
				t.Errorf("%v, exit code %d; it said %q", err, r.code, r.stderr)
			}
			if strings.Contains(r.stderr, "may appear twice") {
				t.Errorf("with keys nothing is in doubt, and it said %q", r.stderr)
			}
			if got := history(t, d, "/feed", total); !slices.Equal(got, numbers(1, total)) {
				t.Errorf("%d messages are there, not each of %d once and in order", len(got), total)
			}
		})
	}
}

// TestPubOverARestartWithoutAStore: what one daemon has not taken, the next one gets.
// Nothing is missing, and no more is there twice than was said.
func TestPubOverARestartWithoutAStore(t *testing.T) {
	testtool.Long(t, "pub waits for a daemon that restarts")
	d := testtool.Start(t, "--backlog=1GiB", "--backlog-total=1GiB")
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/feed")
	pub := startPub(t, d.Publish[0], "/feed")
	total := testtool.FewerUnderRace(60_000)
	parts := make(chan []string, 2)
	written := pub.writeParts(parts)
	parts <- numbers(1, total/2)
	times := map[string]int{subscriber.Frame(t): 1}
	d.Process.Signal(syscall.SIGTERM)
	for _, frame := range subscriber.Rest(t) {
		times[frame]++
	}
	d.Wait(t)
	first := len(times)
	parts <- numbers(total/2+1, total) // held back, so that pub cannot end before the daemon
	close(parts)
	d = restart(t, d, "--history=100000")
	r := pub.end(t)
	if err := <-written; err != nil || r.code != 0 {
		t.Errorf("%v, exit code %d", err, r.code)
	}
	for _, data := range history(t, d, "/feed", total-first) {
		times["data:"+data+"\n\n"]++
	}
	twice, mayBe := 0, 0
	for _, line := range numbers(1, total) {
		switch n := times["data:"+line+"\n\n"]; n {
		case 0:
			t.Errorf("%q is missing", line)
		default:
			twice += n - 1
		}
	}
	for _, said := range regexp.MustCompile(`of which (\d+) may appear twice`).FindAllStringSubmatch(pub.stderr.String(), -1) {
		n, _ := strconv.Atoi(said[1])
		mayBe += n
	}
	t.Logf("%d lines went to the first daemon; %d are there twice, %d may be", first, twice, mayBe)
	if first == total || twice > mayBe {
		t.Errorf("%d lines went to the first daemon; %d are there twice, and it said %d may be", first, twice, mayBe)
	}
}

// TestPubWaitsWhileTheDaemonIsAway: lines that come meanwhile are published once.
func TestPubWaitsWhileTheDaemonIsAway(t *testing.T) {
	testtool.Long(t, "a publisher waits for seconds before it comes back")
	t.Parallel()
	d := testtool.Start(t)
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/feed")
	pub := startPub(t, d.Publish[0], "/feed")
	io.WriteString(pub.stdin, text(numbers(1, 5)))
	for range 5 {
		subscriber.Frame(t)
	}
	d.Process.Kill()
	d.Wait(t)
	pub.says(t, "connection lost") // it does not send the next lines to a daemon that is gone
	io.WriteString(pub.stdin, text(numbers(6, 3000)))
	pub.stdin.Close()
	pub.says(t, "connection refused")
	d = restart(t, d, "--history=10000")
	if r := pub.end(t); r.code != 0 || strings.Contains(r.stderr, "twice") || !strings.HasSuffix(r.stderr, ": connected again\n") {
		t.Errorf("exit code %d; it said %q", r.code, r.stderr)
	}
	if got := history(t, d, "/feed", 2995); !slices.Equal(got, numbers(6, 3000)) {
		t.Errorf("%d lines are there", len(got))
	}
}

// TestPubWithoutAStoreSaysWhatMayBeDouble: the daemon takes lines, and its replies get
// lost. Without a store they are published twice, and how many may be is said.
func TestPubWithoutAStoreSaysWhatMayBeDouble(t *testing.T) {
	testtool.Long(t, "pub waits for a daemon that restarts")
	t.Parallel()
	for _, tt := range []struct {
		name string
		args func(t *testing.T) []string
		want []string
		says string
	}{
		{"without a store", func(*testing.T) []string { return []string{"--history=1000"} },
			append(numbers(1, 100), numbers(91, 110)...),
			"connected again; lines sent again: 10, of which 10 may appear twice (they were sent before, but not acknowledged)"},
		{"with a store", func(t *testing.T) []string { return []string{"--store=" + t.TempDir()} },
			numbers(1, 110), "connected again; lines sent again: 10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := testtool.Start(t, tt.args(t)...)
			replies := startMuffler(t, d.Publish[0])
			pub := startPub(t, replies.url, "/feed")
			io.WriteString(pub.stdin, text(numbers(1, 90)))
			testtool.WaitFor(t, "90 lines to be answered", func() bool { return replies.messages() == 90 })
			replies.muffle(true)
			subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/feed?last=0")
			io.WriteString(pub.stdin, text(numbers(91, 100)))
			for range 10 {
				subscriber.Frame(t)
			}
			replies.cut()
			replies.muffle(false)
			pub.says(t, "ssed: tcp://.*: "+regexp.QuoteMeta(tt.says)+"\n")
			io.WriteString(pub.stdin, text(numbers(101, 110)))
			pub.stdin.Close()
			if r := pub.end(t); r.code != 0 || strings.Count(r.stderr, "\n") != 2 {
				t.Errorf("exit code %d; it said %q", r.code, r.stderr)
			}
			if got := history(t, d, "/feed", 110); !slices.Equal(got, tt.want) {
				t.Errorf("%d messages are there: %q", len(got), got)
			}
		})
	}
}

// TestPubAndSubSayTheSame when they lose the daemon.
func TestPubAndSubSayTheSame(t *testing.T) {
	testtool.Long(t, "both wait for seconds before they try again")
	t.Parallel()
	d := testtool.Start(t)
	sub := startSub(t, nil, "-v", d.Subscribe[0], "/x")
	subscribed(t, d, 1)
	pub := startPub(t, d.Publish[0], "-v", "/x")
	io.WriteString(pub.stdin, "line\n")
	sub.line(t)
	d.Process.Kill()
	d.Wait(t)
	for _, pattern := range []string{
		`(?m)^ssed: \S+: connection lost: .+; connecting again in \d+\.\d s$`,
		`(?m)^ssed: \S+: .*connection refused; connecting again in \d+\.\d s$`,
	} {
		pub.says(t, pattern)
		wanted := regexp.MustCompile(pattern)
		testtool.WaitFor(t, "ssed sub to say "+pattern, func() bool { return wanted.MatchString(sub.stderr.String()) })
	}
}

// TestPubIsInterrupted while it waits for the daemon to come back: the exit code is the
// signal's, and what is not known to be published is said.
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
			t.Errorf("without anything to say: exit code %d, want %d; it said %q", r.code, tt.code, r.stderr)
		}
		d.Process.Kill()
		d.Wait(t)
		pub.says(t, "connection lost")
		io.WriteString(pub.stdin, "4\n5\n")
		pub.says(t, "connection refused") // line 4 was read by then
		pub.cmd.Process.Signal(tt.signal)
		r := pub.end(t)
		if last := "ssed: ended by a signal (lines published: 2, refused: 1, not acknowledged: 1)\n"; r.code != tt.code || !strings.HasSuffix(r.stderr, last) {
			t.Errorf("exit code %d, want %d; it said %q", r.code, tt.code, r.stderr)
		}
	}
}

// TestPubWaitsForAPlace: a daemon that has as many publishers as it may is busy, not
// wrong, also at the first attempt.
func TestPubWaitsForAPlace(t *testing.T) {
	testtool.Long(t, "pub waits before it tries again")
	t.Parallel()
	d := testtool.Start(t, "--max-publishers=1", "--history=10")
	other := testtool.DialPublisher(t, d.Publish[0])
	other.Ask(t, "PING")
	pub := startPub(t, d.Publish[0], "/x")
	io.WriteString(pub.stdin, "1\n2\n")
	pub.stdin.Close()
	pub.says(t, `^ssed: tcp://\S+: busy: .*too many.*; connecting again in \d\.\d s\n`)
	other.Ask(t, "QUIT")
	if r := pub.end(t); r.code != 0 || !strings.HasSuffix(r.stderr, ": connected again\n") {
		t.Errorf("exit code %d; it said %q", r.code, r.stderr)
	}
	if got := history(t, d, "/x", 2); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("published: %q", got)
	}
}

// TestPubLosesItsToken: a daemon that comes back and does not know the token ends the
// feed, also while there is nothing to publish.
func TestPubLosesItsToken(t *testing.T) {
	testtool.Long(t, "pub waits for a daemon that restarts")
	t.Parallel()
	for _, lines := range []string{"", "2\n"} {
		d := testtool.Start(t)
		pub := startPub(t, d.Publish[0], "--token=secret", "/x")
		subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/x")
		io.WriteString(pub.stdin, "1\n")
		subscriber.Frame(t)
		d.Process.Kill()
		d.Wait(t)
		pub.says(t, "connection lost")
		io.WriteString(pub.stdin, lines)
		restart(t, d, "--token", "other-token publish /")
		r := pub.end(t)
		last := r.stderr[strings.LastIndex(strings.TrimSuffix(r.stderr, "\n"), "\n")+1:]
		if r.code != exitFailure || !strings.HasPrefix(last, "ssed: cannot publish to tcp://") || !strings.Contains(last, "auth: ") || !strings.Contains(last, "lines published: 1") {
			t.Errorf("exit code %d; it said %q", r.code, r.stderr)
		}
		if notYet := strings.Contains(last, "not acknowledged: 1"); notYet != (lines != "") {
			t.Errorf("with the lines %q it said %q", lines, last)
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

// TestPubOfALogFile is "tail -F log | ssed pub /log": over a restart of the daemon, a
// rotation of the file and a line that is no text.
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
	// tail -F closes a file that is moved away, whether or not it has read all of it.
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
