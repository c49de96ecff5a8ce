package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/publish/evioserver"
)

// toOf returns the environment that makes "ssed pub" use a daemon.
func toOf(d *testtool.Daemon) []string { return []string{"SSED_TO=" + d.Publish[0]} }

func TestPub(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t)
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets")
	tests := []struct {
		name  string
		stdin string
		args  []string
		want  []string
	}{
		{"argument", "not read", []string{"/pets", "Corgi"}, []string{"data:Corgi\n\n"}},
		{"event", "", []string{"--event", "new-dog", "/pets/dogs", "Corgi"}, []string{"event:new-dog\ndata:Corgi\n\n"}},
		{"empty argument", "not read", []string{"/pets", ""}, []string{"data:\n\n"}},
		{"argument with line breaks", "", []string{"/pets", "a\nb"}, []string{"data:a\ndata:b\n\n"}},
		{"argument with a dash", "", []string{"/pets", "--", "-5"}, []string{"data:-5\n\n"}},
		{"lines", "a\nb b\n\nlast", []string{"/pets"}, []string{"data:a\n\n", "data:b b\n\n", "data:\n\n", "data:last\n\n"}},
		{"lines from elsewhere", "a\r\nb\r\n", []string{"/pets"}, []string{"data:a\n\n", "data:b\n\n"}},
		{"lines with an event", "a\nb\n", []string{"--event=e", "/pets"}, []string{"event:e\ndata:a\n\n", "event:e\ndata:b\n\n"}},
		{"no lines", "", []string{"/pets"}, nil},
		{"a long line", strings.Repeat("x", 1<<20) + "\n", []string{"/pets"}, []string{"data:" + strings.Repeat("x", 1<<20) + "\n\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, strings.NewReader(tt.stdin), toOf(d), append([]string{"pub"}, tt.args...)...)
			r.wantSuccess(t)
			for _, want := range tt.want {
				if got := subscriber.Frame(t); got != want {
					t.Errorf("a frame of %d bytes: %.80q, want %d bytes: %.80q", len(got), got, len(want), want)
				}
			}
		})
	}
}

// TestInvalidUTF8ArgumentIsRefused checks that an argument that is not valid UTF-8 is refused, like
// an invalid line.
func TestInvalidUTF8ArgumentIsRefused(t *testing.T) {
	d := testtool.Start(t)
	for _, args := range [][]string{{"pub", "/pets", "a\xffb"}, {"pub", "/pets\xff", "a"}, {"pub", "--event=\xff", "/pets", "a"}} {
		run(t, nil, toOf(d), args...).wantFailure(t, exitUsage, "argument ", "is not valid UTF-8")
	}
}

func TestPubNamesTheInvalidLine(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t, "--data-max", "1KiB", "--token", "pets-token publish /pets")
	long := strings.Repeat("x", 1025)
	tests := []struct {
		name  string
		stdin string
		args  []string
		says  []string
	}{
		{"bad UTF-8", "a\nb\n\xff\nd\n", []string{"--strict", "/pets"}, []string{"line 3: ", "UTF-8", "lines published: 2"}},
		{"too long for the daemon", "a\n" + long + "\n", []string{"--strict", "/pets"}, []string{"line 2: too-long: ", "1024", "lines published: 1"}},
		{"too long at all", "a\nb\n" + strings.Repeat("x", lineBytesMax+1), []string{"--strict", "/pets"}, []string{"line 3: ", "64MiB", "lines published: 2"}},
		{"namespace beyond the token", "a\n", []string{"/cars"}, []string{"cannot publish to " + d.Publish[0] + ": line 1: auth: ", "lines published: 0"}},
		{"namespace beyond the token, strictly", "a\n", []string{"--strict", "/cars"}, []string{"line 1: auth: ", "lines published: 0"}},
		{"argument too long", "", []string{"/pets", long}, []string{"cannot publish: too-long: "}},
		{"unknown token", "", []string{"--token", "other-token", "/pets", "x"}, []string{"cannot publish to " + d.Publish[0] + ": auth: this token is unknown or may not publish"}},
		{"lines with an unknown token", "a\n", []string{"--token", "other-token", "/pets"}, []string{"cannot publish to ", "auth: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := append(toOf(d), "SSED_TOKEN=pets-token")
			r := run(t, strings.NewReader(tt.stdin), env, append([]string{"pub"}, tt.args...)...)
			r.wantFailure(t, exitFailure, tt.says...)
			if strings.Contains(r.stderr+d.Log(), "-token") {
				t.Errorf("a token is shown: %q, %q", r.stderr, d.Log())
			}
		})
	}
}

// memory is the sink of a server that remembers keys.
type memory struct {
	mu   sync.Mutex
	keys map[string]uint64
	next uint64
}

func (m *memory) Publish(_, _, _ []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	return m.next, nil
}

func (m *memory) PublishKeyed(key, namespace, event, data []byte) (uint64, error) {
	if sequence, ok := m.keys[string(key)]; ok {
		return sequence, nil
	}
	sequence, err := m.Publish(namespace, event, data)
	m.keys[string(key)] = sequence
	return sequence, err
}

func TestPubWithAKey(t *testing.T) {
	sink := &memory{keys: map[string]uint64{}}
	server := evioserver.New(evioserver.Options{Listen: []string{"tcp://127.0.0.1:0"}, Sink: sink})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	select {
	case <-server.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	defer server.Shutdown(context.Background())
	env := []string{"SSED_TO=tcp://" + server.Addrs()[0].String(), "SSED_KEY=left-over"}
	for _, args := range [][]string{{"--key", "a", "/x", "1"}, {"--key=a", "/x", "1"}, {"--key", "b", "/x", "2\n3"}, {"/x", "4"}, {"/x", "4"}} {
		run(t, nil, env, append([]string{"pub"}, args...)...).wantSuccess(t)
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if sink.next != 4 || len(sink.keys) != 2 {
		t.Errorf("%d messages were published, with the keys %v", sink.next, sink.keys)
	}
}

func TestPubRefusesAKey(t *testing.T) {
	d := testtool.Start(t)
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/pets")
	tests := []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"the daemon has no store", []string{"--key", "a", "/pets", "x"}, exitFailure, []string{"cannot publish: syntax: KEY is not supported without a store", "or publish without --key"}},
		{"lines", []string{"--key", "a", "/pets"}, exitUsage, []string{"--key", "one message", "standard input"}},
		{"a variable of the shell that is not set", []string{"--key", "", "/pets", "x"}, exitUsage, []string{"--key", "empty"}},
		{"two words", []string{"--key", "a b", "/pets", "x"}, exitUsage, []string{"--key", "space"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, strings.NewReader("line\n"), toOf(d), append([]string{"pub"}, tt.args...)...)
			r.wantFailure(t, tt.code, tt.says...)
		})
	}
	run(t, nil, toOf(d), "pub", "/pets", "last").wantSuccess(t)
	if got := subscriber.Frame(t); got != "data:last\n\n" {
		t.Errorf("published was %q", got)
	}
}

// TestPubSendsEachLineImmediately tests "vmstat -n 1 | ssed pub": a line must not wait for the next
// one.
func TestPubSendsEachLineImmediately(t *testing.T) {
	d := testtool.Start(t)
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/dribble")
	stdin, lines := io.Pipe()
	ended := make(chan result)
	go func() { ended <- run(t, stdin, toOf(d), "pub", "/dribble") }()
	for i := range 5 {
		fmt.Fprintf(lines, "line %d\n", i)
		if got, want := subscriber.Frame(t), fmt.Sprintf("data:line %d\n\n", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	lines.Close()
	r := <-ended
	r.wantSuccess(t)
}

// TestPubExitsOnRefusalWhileStdinIsOpen checks that with --strict, a refusal does not wait for a
// next line that may never come.
func TestPubExitsOnRefusalWhileStdinIsOpen(t *testing.T) {
	d := testtool.Start(t, "--data-max", "1KiB")
	cmd := exec.Command(testtool.Build(t), "pub", "--strict", "/x")
	cmd.Env = append(testtool.Environ(), toOf(d)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe() // stays open until the process exits
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	fmt.Fprintf(stdin, "fits\n%s\n", strings.Repeat("x", 2000))
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	testtool.WaitFor(t, "the end of ssed pub", func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	result{"", stderr.String(), cmd.ProcessState.ExitCode()}.wantFailure(t, exitFailure, "line 2: too-long: ", "lines published: 1")
}

func TestPubManyLines(t *testing.T) {
	d := testtool.Start(t)
	const count = 100_000
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/many")
	var lines strings.Builder
	for i := range count {
		fmt.Fprintf(&lines, "%d\n", i)
	}
	ended := make(chan result)
	go func() { ended <- run(t, strings.NewReader(lines.String()), toOf(d), "pub", "/many") }()
	for i := range count {
		if got, want := subscriber.Frame(t), fmt.Sprintf("data:%d\n\n", i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	r := <-ended
	r.wantSuccess(t)
}

func TestPubWithoutADaemon(t *testing.T) {
	d := testtool.Start(t)
	env := toOf(d)
	if code := d.Stop(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, args := range [][]string{{"pub", "/x", "y"}, {"pub", "/x"}, {"pub", "--strict", "/x"}} {
		run(t, strings.NewReader("line\n"), env, args...).wantFailure(t, exitFailure, "cannot connect to "+d.Publish[0]+": connection refused: is ssed running there?")
	}
	run(t, nil, []string{"SSED_TO=localhost:8002"}, "pub", "/x", "y").wantFailure(t, exitUsage, "tcp://host:port")
}

func TestPubWithoutAToken(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t, "--token", "pets-token publish /pets")
	const words = "auth: publishing requires a token; set a token with SSED_TOKEN or --token"
	for _, args := range [][]string{{"/x", "y"}, {"/x"}, {"--strict", "/x"}} {
		r := run(t, strings.NewReader("line\n"), toOf(d), append([]string{"pub"}, args...)...)
		r.wantFailure(t, exitFailure, "ssed: cannot publish to "+d.Publish[0]+": ", words)
	}
}

// TestPubStrictWhenTheDaemonExits checks that with --strict, lines that the daemon did not
// acknowledge are reported.
func TestPubStrictWhenTheDaemonExits(t *testing.T) {
	d := testtool.Start(t)
	subscriber := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/x")
	stdin, lines := io.Pipe()
	ended := make(chan result, 1)
	go func() { ended <- run(t, stdin, toOf(d), "pub", "--strict", "/x") }()
	fmt.Fprintln(lines, "first")
	if got := subscriber.Frame(t); got != "data:first\n\n" {
		t.Fatalf("got %q", got)
	}
	waitReplies(t, d)
	d.Process.Kill()
	d.Wait(t)
	go func() {
		fmt.Fprintln(lines, "second")
		lines.Close()
	}()
	r := <-ended
	r.wantFailure(t, exitFailure, "line 2: ", "lines published: 1")
}

// waitReplies waits until the daemon has answered all messages that have arrived at a subscriber. A
// separate loop for publishers may send the OK later than the message arrives, but it answers all
// publishers in the order of their requests.
func waitReplies(t *testing.T, d *testtool.Daemon) {
	t.Helper()
	testtool.DialPublisher(t, d.Publish[0]).Ask(t, "PING")
}
