package main

import (
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

func TestSubPrintsEvents(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t, "--history", "10")
	p := testtool.DialPublisher(t, d.Publish[0])
	p.Ask(t, "PUB /pets/dogs new-dog Corgi")
	p.Ask(t, "PUBN /pets - 4\na\n\x1bb")
	whole := d.Subscribe[0] + "/subscribe?ns=/pets/dogs&ns=/cars"
	tests := []struct {
		name string
		args []string
		want string // regular expression for standard output
	}{
		{"text", []string{"--last=9", d.Subscribe[0], "/pets"},
			`^TIME /pets ID-1 new-dog: Corgi\nTIME /pets ID-2 message: a\n {12} \| \\x1bb\n$`},
		{"the root", []string{"--last=9", d.Subscribe[0], "/"}, `^TIME / ID-1 new-dog: Corgi\nTIME / ID-2 `},
		{"several", []string{"--last=9", "--count=1", d.Subscribe[0], "/cars", "/pets/dogs"}, `^TIME /cars,/pets/dogs ID-1 new-dog: Corgi\n$`},
		{"a whole URL", []string{"--last=9", "--count=1", whole}, `^TIME /pets/dogs,/cars ID-1 new-dog: Corgi\n$`},
		{"the newest", []string{"--last=1", "--count=1", d.Subscribe[0], "/pets"}, `^TIME /pets ID-2 `},
		{"since a time", []string{"--since=10m", d.Subscribe[0], "/pets"}, `^TIME /pets ID-1 new-dog: Corgi\nTIME`},
		{"JSON", []string{"--json", "--last=9", d.Subscribe[0], "/pets"},
			`^{"time":"[^"]*","type":"event","subscription":\["/pets"\],"id":"ID-1","event":"new-dog","data":"Corgi"}\n` +
				`{"time":"[^"]*","type":"event","subscription":\["/pets"\],"id":"ID-2","event":"message","data":"a\\n\\u001bb"}\n$`},
		{"raw", []string{"--raw", "--last=9", d.Subscribe[0], "/pets"},
			`^retry:\d+\nid:ID-1\nevent:new-dog\ndata:Corgi\n\nid:ID-2\ndata:a\ndata:\x1bb\n\n$`},
		{"raw, up to the last that counts", []string{"--raw", "--last=9", "--count=1", d.Subscribe[0], "/pets"},
			`^retry:\d+\nid:ID-1\nevent:new-dog\ndata:Corgi\n\n$`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, nil, []string{"SSED_COUNT=2"}, append([]string{"sub"}, tt.args...)...)
			r.wantSuccess(t)
			want := strings.NewReplacer("TIME", `\d\d:\d\d:\d\d\.\d{3}`, "ID", `[a-z0-9]+`).Replace(tt.want)
			if !regexp.MustCompile(want).MatchString(r.stdout) {
				t.Errorf("got %q\nwant %s", r.stdout, tt.want)
			}
		})
	}
}

func TestSubVerbose(t *testing.T) {
	d := testtool.Start(t, "--history", "1")
	publishAll(t, d, "/x", "1")
	r := run(t, nil, nil, "sub", "-v", "--last=1", "--count=1", d.Subscribe[0], "/x")
	for _, want := range []string{"< HTTP/1.1 200 OK\n", "< Content-Type: text/event-stream; charset=utf-8\n", "< Connection: close\n"} {
		if r.code != 0 || !strings.Contains(r.stderr, want) {
			t.Errorf("exit code %d, %q is missing in %q", r.code, want, r.stderr)
		}
	}
}

// TestSubAcrossARestart kills the daemon and starts it again without its messages. The received
// events must be in order, and sub must report that messages may be missing.
func TestSubAcrossARestart(t *testing.T) {
	testtool.Long(t, "a subscriber waits for a daemon that restarts")
	t.Parallel()
	first := testtool.Start(t, "--history", "10")
	proxy := testtool.StartProxy(t, first.Subscribe[0])
	sub := startSub(t, nil, "--json", "--count=5", proxy.URL, "/x")
	subscribed(t, first, 1)
	publishAll(t, first, "/x", "1", "2", "3")
	sub.wantData(t, "1", "2", "3")

	first.Process.Kill()
	first.Wait(t)
	second := testtool.Start(t, "--history", "10")
	publishAll(t, second, "/x", "4")
	proxy.To(second.Subscribe[0])
	if e := sub.event(t); e.Type != "gap" || e.Gap == nil || e.Gap.Reason != "epoch" || !strings.HasSuffix(e.Gap.Asked, "-3") {
		t.Errorf("got %+v, want a gap", e)
	}
	sub.wantData(t, "4")
	publishAll(t, second, "/x", "5")
	sub.wantData(t, "5")
	if r := sub.end(t); r.code != 0 {
		t.Errorf("exit code %d; stderr %q", r.code, r.stderr)
	}
}

// TestSubAcrossCuts interrupts each connection in the middle of an event, and expects all events
// once and in order.
func TestSubAcrossCuts(t *testing.T) {
	testtool.Long(t, "a subscriber waits for seconds after each cut")
	t.Parallel()
	const count = 200
	d := testtool.Start(t, "--history", "1000")
	proxy := testtool.StartProxy(t, d.Subscribe[0])
	var cuts atomic.Int64
	proxy.Limit(func() int64 { return 1701 + 101*cuts.Add(1) })
	sub := startSub(t, nil, "--json", fmt.Sprint("--count=", count), proxy.URL, "/x")
	subscribed(t, d, 1)
	var all []string
	for i := range count {
		all = append(all, fmt.Sprint("number ", i))
	}
	publishAll(t, d, "/x", all...)
	sub.wantData(t, all...)
	r := sub.end(t)
	r.wantSuccess(t)
	if cuts.Load() < 3 {
		t.Errorf("it was not cut: %d connections", cuts.Load())
	}
}

// TestSubReportsInterruptionWithoutIDs checks that sub reports an interrupted stream without ids,
// because missed messages cannot be requested again.
func TestSubReportsInterruptionWithoutIDs(t *testing.T) {
	testtool.Long(t, "a subscriber waits for seconds before it reconnects")
	t.Parallel()
	d := testtool.Start(t)
	proxy := testtool.StartProxy(t, d.Subscribe[0])
	text := startSub(t, nil, "-v", proxy.URL, "/x")
	asJSON := startSub(t, nil, "-v", "--json", proxy.URL, "/x")
	for _, sub := range []*liveSub{text, asJSON} { // the daemon logs the connects before they have its response
		testtool.WaitFor(t, "an answer", func() bool { return strings.Contains(sub.stderr.String(), "< HTTP/1.1 200 OK") })
	}
	proxy.Cut()
	if line := text.line(t); !strings.Contains(line, "lost: ") || !strings.Contains(line, "no ids") {
		t.Errorf("got %q", line)
	}
	if e := asJSON.event(t); e.Type != "lost" || e.Reason == "" {
		t.Errorf("got %+v", e)
	}
	subscribed(t, d, 4)
	publishAll(t, d, "/x", "after")
	asJSON.wantData(t, "after")
	if line := text.line(t); !strings.HasSuffix(line, "/x - message: after") {
		t.Errorf("got %q", line)
	}
}

// TestSubIsTurnedAway checks that sub reports a full daemon, and subscribes when there is room.
func TestSubIsTurnedAway(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t, "--max-conns=1", "--retry=300ms")
	other := startSub(t, nil, d.Subscribe[0], "/x")
	subscribed(t, d, 1)
	sub := startSub(t, nil, d.Subscribe[0], "/x")
	const want = ": the server is full, starting or stopping, and asks to try again later; reconnecting in "
	testtool.WaitFor(t, "a report", func() bool { return strings.Contains(sub.stderr.String(), want) })
	other.cmd.Process.Kill()
	subscribed(t, d, 2)
	publishAll(t, d, "/x", "hello")
	if line := sub.line(t); !strings.HasSuffix(line, "message: hello") {
		t.Errorf("got %q", line)
	}
}

func TestSubReportsAGap(t *testing.T) {
	d := testtool.Start(t, "--history", "1", "--gap-event", "hole")
	publishAll(t, d, "/x", "1", "2", "3")
	r := run(t, nil, nil, "sub", "--count=1", "--gap-event=hole", "--since", "0ther-17", d.Subscribe[0], "/x")
	r.wantSuccess(t)
	if !strings.Contains(r.stdout, "gap: messages are missing (epoch), after 0ther-17, up to ") || !strings.HasSuffix(r.stdout, "message: 3\n") {
		t.Errorf("got %q", r.stdout)
	}
	// An application may use the default name of the gap event if the daemon uses another, and sub
	// shows its events.
	p := testtool.DialPublisher(t, d.Publish[0])
	if reply := p.Ask(t, "PUB /y hole x"); !strings.HasPrefix(reply, "ERR event ") || !strings.Contains(reply, "--gap-event") {
		t.Errorf("got %q", reply)
	}
	p.Ask(t, `PUB /y gap {"reason":"mine"}`)
	if r := run(t, nil, nil, "sub", "--count=1", "--last=1", d.Subscribe[0], "/y"); !strings.HasSuffix(r.stdout, "gap: {\"reason\":\"mine\"}\n") {
		t.Errorf("got %q", r.stdout)
	}
}

func TestSubIsRefused(t *testing.T) {
	d := testtool.Start(t, "--history", "1", "--token", "right-sesame subscribe", "--token", "pub-sesame publish")
	closed := testtool.Start(t)
	closed.Stop(t)
	tests := []struct {
		name string
		env  string
		args []string
		code int
		says []string
	}{
		{"without a token", "", []string{d.Subscribe[0], "/x"}, exitFailure, []string{d.Subscribe[0] + "/subscribe/x: ", "(401)", "SSED_TOKEN"}},
		{"with a wrong one", "SSED_TOKEN=wrong-sesame", []string{d.Subscribe[0], "/x"}, exitFailure, []string{"(401)", "unknown"}},
		{"with one in the URL", "", []string{d.Subscribe[0] + "/subscribe/x?token=wrong-sesame"}, exitFailure, []string{"(401)"}},
		{"with one in the URL, where nothing listens", "", []string{closed.Subscribe[0] + "/subscribe/x?token=wrong-sesame"}, exitFailure, []string{"/subscribe/x: connection refused: is ssed running there?"}},
		{"at the address for publishers", "", []string{"http" + strings.TrimPrefix(d.Publish[0], "tcp"), "/x"}, exitFailure, []string{"/subscribe/x: the server does not answer in HTTP: is this the address for publishers?"}},
		{"with TLS", "", []string{"https" + strings.TrimPrefix(d.Subscribe[0], "http"), "/x"}, exitFailure, []string{"/subscribe/x: the server does not use TLS: use http://"}},
		{"with one for something else", "SSED_TOKEN=pub-sesame", []string{d.Subscribe[0], "/x"}, exitFailure, []string{"may not subscribe"}},
		{"what is no stream", "SSED_TOKEN=right-sesame", []string{d.Subscribe[0] + "/nothing"}, exitFailure, []string{"(404)"}},
		{"what makes no sense", "SSED_TOKEN=right-sesame", []string{d.Subscribe[0] + "/subscribe/x?last=many"}, exitFailure, []string{"(400)"}},
		{"nothing", "", nil, exitUsage, []string{"nothing to subscribe to"}},
		{"no namespace", "", []string{"pets"}, exitUsage, []string{`"pets"`, "https://"}},
		{"a URL among namespaces", "", []string{d.Subscribe[0] + "/subscribe/x", "/y"}, exitUsage, []string{"cannot be combined with namespaces"}},
		{"no URL", "", []string{"ftp://x/y"}, exitUsage, []string{"expected the URL of a stream"}},
		{"a daemon's token", "SSED_TOKEN=right-sesame subscribe", []string{"/x"}, exitUsage, []string{"expected one token"}},
		{"two forms", "", []string{"--raw", "--json", "/x"}, exitUsage, []string{"--json", "--raw"}},
		{"less than no events", "", []string{"--count=-1", "/x"}, exitUsage, []string{"--count: invalid value -1: must be 0 or more"}},
		{"less than no messages", "", []string{"--last=-1", "/x"}, exitUsage, []string{"--last: invalid value -1: must be 0 or more"}},
		{"a time without a unit", "", []string{"--since=30", "/x"}, exitUsage, []string{`invalid --since "30": expected a duration with a unit, such as 30s, or an id, such as f57rv0ie-4`}},
		{"a time in days", "", []string{"--since=1d", "/x"}, exitUsage, []string{`invalid --since "1d": expected a duration`}},
		{"two starts", "", []string{"--since=30s", "--last=1", "/x"}, exitUsage, []string{"--last and --since cannot be used together"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, nil, []string{tt.env}, append([]string{"sub"}, tt.args...)...)
			r.wantFailure(t, tt.code, tt.says...)
			if strings.Contains(r.stderr+r.stdout, "sesame") {
				t.Errorf("a token is shown: %q", r.stderr)
			}
		})
	}
	publishers := testtool.DialPublisher(t, d.Publish[0])
	publishers.Ask(t, "AUTH pub-sesame")
	publishers.Ask(t, "PUB /x - allowed")
	r := run(t, nil, []string{"SSED_TOKEN=right-sesame"}, "sub", "-v", "--last=1", "--count=1", d.Subscribe[0], "/x")
	if r.code != 0 || !strings.Contains(r.stdout, "allowed") || strings.Contains(r.stderr, "sesame") {
		t.Errorf("%+v", r)
	}
}

func TestSubEventMax(t *testing.T) {
	d := testtool.Start(t, "--history", "2")
	publishAll(t, d, "/x", "short", strings.Repeat("x", 5000))
	r := run(t, nil, nil, "sub", "--event-max=4KiB", "--last=2", d.Subscribe[0], "/x")
	r.wantFailure(t, exitFailure, "more than 4096 bytes", "--event-max")
	if !strings.HasSuffix(r.stdout, "short\n") {
		t.Errorf("earlier events are not shown: %q", r.stdout)
	}
}

// TestSubExitsOnSignal checks that sub exits on a signal, even while its output has no reader. It
// also exits when its reader has closed the pipe and no event arrives.
func TestSubExitsOnSignal(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t, "--history", "2")
	for i, tt := range []struct {
		name string
		end  func(*liveSub)
		code int
	}{
		{"Ctrl-C", func(s *liveSub) { s.cmd.Process.Signal(syscall.SIGINT) }, 130},
		{"SIGTERM", func(s *liveSub) { s.cmd.Process.Signal(syscall.SIGTERM) }, 143},
		{"no reader", func(s *liveSub) { s.stdout.Close() }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startSub(t, nil, d.Subscribe[0], "/x")
			subscribed(t, d, i+1)
			tt.end(s)
			if r := s.end(t); r.code != tt.code || r.stderr != "" {
				t.Errorf("exit code %d, want %d; stderr %q", r.code, tt.code, r.stderr)
			}
		})
	}
}

func TestSubExitsWhileItCannotWrite(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t, "--history", "8")
	for range 8 {
		publishAll(t, d, "/x", strings.Repeat("x", 100<<10)) // a pipe holds 64 KiB
	}
	sub := exec.Command(testtool.Build(t), "sub", "--last=8", d.Subscribe[0], "/x")
	sub.Env = testtool.Environ()
	unread, err := sub.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	defer sub.Process.Kill()
	if _, err := io.ReadFull(unread, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	wantInterrupted(t, sub.Process)
}

func TestSubInColor(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	d := testtool.Start(t, "--history", "1")
	publishAll(t, d, "/x", "Corgi")
	for _, tt := range []struct {
		env   string
		color bool
	}{{"env", true}, {"NO_COLOR=1", false}} {
		s.shell(t, tt.env+" "+testtool.Build(t)+" sub --since 0ther-1 "+d.Subscribe[0]+" /x")
		s.shows(t, "/x gap: messages are missing (epoch)", "message: Corgi")
		shown := s.do(t, "capture-pane", "-p", "-e")
		for _, code := range []string{"\x1b[36m", "\x1b[32m", "\x1b[31mgap"} {
			if strings.Contains(shown, code) != tt.color {
				t.Errorf("%s: %q in %q", tt.env, code, shown)
			}
		}
		s.keys(t, "C-c")
		s.left(t)
		s.shell(t, "clear; echo co''de $?")
		s.shows(t, "code 0") // exit code of clear
		s.shell(t, "clear")
		testtool.WaitFor(t, "an empty screen", func() bool { return !strings.Contains(s.text(t), "code") })
	}
}
