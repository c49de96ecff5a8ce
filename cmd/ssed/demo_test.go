package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

func TestDemoPublishesToAllNamespaces(t *testing.T) {
	testtool.Long(t, "the demo publishes once a second")
	t.Parallel()
	testtool.BothLoops(t, func(t *testing.T, flag string) {
		d := testtool.Start(t, "demo", flag)
		subscribe := func(namespace string) *testtool.Subscriber {
			return testtool.Subscribe(t, d.Subscribe[0]+"/subscribe"+namespace)
		}
		clock := subscribe("/time")
		host := map[string]*testtool.Subscriber{}
		for _, namespace := range []string{"/host/load", "/host/cpu", "/host/memory", "/host/network"} {
			host[namespace] = subscribe(namespace)
		}
		first, second := timeOf(t, clock.Frame(t)), timeOf(t, clock.Frame(t))
		if second.Sub(first) != time.Second {
			t.Errorf("%v came after %v", second, first)
		}
		for namespace, subscriber := range host {
			frame := subscriber.Frame(t)
			var value map[string]any
			if err := json.Unmarshal([]byte(dataOf(frame)), &value); err != nil || len(value) == 0 {
				t.Errorf("%s: %v: %q", namespace, err, frame)
			}
		}
		if code := d.Stop(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
}

func dataOf(frame string) string {
	return strings.TrimSuffix(strings.TrimPrefix(frame, "data:"), "\n\n")
}

func timeOf(t *testing.T, frame string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, dataOf(frame))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestDemoSuggestsCommands runs the first command that the demo prints, unchanged.
func TestDemoSuggestsCommands(t *testing.T) {
	testtool.Long(t, "the demo starts and ends")
	t.Parallel()
	sh := testtool.Need(t, "sh", "curl")
	socket := "unix://" + shortTempDir(t) + "/listen.sock"
	tests := []struct {
		name string
		args []string
		says []string
	}{
		{"tcp", nil, []string{"curl -N http://127.0.0.1:", "/subscribe/host/cpu\n", " pub --to tcp://127.0.0.1:", " sub http://127.0.0.1:", "Watch: http://127.0.0.1:"}},
		{"all addresses", []string{"--listen=:0"}, []string{"curl -N http://localhost:"}},
		{"separate admin pages", []string{"--admin=127.0.0.1:0"}, []string{"Watch: http://127.0.0.1:"}},
		{"unix", []string{"--listen=" + socket}, []string{"curl -N --unix-socket /", "http://localhost/subscribe/time"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := testtool.Start(t, append([]string{"demo"}, tt.args...)...)
			testtool.WaitFor(t, "what to try", func() bool { return strings.Contains(d.Output(), " pub ") })
			for _, words := range tt.says {
				if !strings.Contains(d.Output(), words) {
					t.Errorf("%q is missing in:\n%s", words, d.Output())
				}
			}
			line := d.Output()[strings.Index(d.Output(), "curl"):]
			line, _, _ = strings.Cut(line, "\n")
			curl := testtool.StartCommand(t, sh, "-c", "exec "+line)
			testtool.WaitFor(t, "the time from "+line, func() bool { return strings.Contains(curl.Output(), "data:20") })
		})
	}
}

func TestDemoSuggestsTokens(t *testing.T) {
	d := testtool.Start(t, "demo", "--token", "secret-token")
	testtool.WaitFor(t, "what to try", func() bool { return strings.Contains(d.Output(), " pub ") })
	for _, words := range []string{"-H 'X-Authorization: TOKEN'", "--token TOKEN"} {
		if !strings.Contains(d.Output(), words) {
			t.Errorf("%q is missing in:\n%s", words, d.Output())
		}
	}
	if strings.Contains(d.Output()+d.Log(), "secret") {
		t.Error("the token is shown")
	}
}

// TestProgramIsNamedAsItWasStarted checks the name of the program in the suggested commands.
func TestProgramIsNamedAsItWasStarted(t *testing.T) {
	defer func(name string) { os.Args[0] = name }(os.Args[0])
	for name, want := range map[string]string{
		"ssed": "ssed", "./ssed": "./ssed", "/usr/bin/ssed": "/usr/bin/ssed", "/tmp/go-build123/b001/exe/ssed": "go run ./cmd/ssed",
	} {
		os.Args[0] = name
		if got := program(); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
