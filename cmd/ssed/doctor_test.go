package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestDoctor watches a daemon without a proxy. internal/e2e/proxies tests it with proxies.
func TestDoctor(t *testing.T) {
	t.Parallel()
	d := testtool.Start(t, "--token", "sub-sesame subscribe", "--token", "pub-sesame publish", "--cors-origin", "https://example.org")
	env := []string{"SSED_TOKEN=sub-sesame", "SSED_PUBLISH_TOKEN=pub-sesame"}
	others := testtool.Subscribe(t, d.Subscribe[0]+"/subscribe/x", "X-Authorization: sub-sesame")
	for _, tt := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"all is well", []string{"--origin=https://example.org", d.Subscribe[0], "/x"}, 0,
			[]string{"ok   events       the published event was received after ", "ok   idle ", "ok   compression  the stream is not compressed", "ok   protocol     HTTP/1.1: ", "ok   cors "}},
		{"a bad origin", []string{"--origin=https://other.example", d.Subscribe[0] + "/subscribe/x"}, exitFailure,
			[]string{"BAD  answer       the response is 403 Forbidden", "-> ssed: --cors-origin https://other.example"}},
		{"a bad token", []string{"--token=wrong-sesame", d.Subscribe[0], "/x"}, exitFailure, []string{"BAD  answer       the response is 401 Unauthorized"}},
	} {
		r := run(t, nil, env, append([]string{"doctor", "--idle=1s", "--publish", d.Publish[0]}, tt.args...)...)
		if r.code != tt.code || strings.Contains(r.stdout+r.stderr, "sesame") {
			t.Errorf("%s: exit code %d, want %d, and no token: %+v", tt.name, r.code, tt.code, r)
		}
		for _, words := range tt.says {
			if !strings.Contains(r.stdout, words) {
				t.Errorf("%s: %q is missing in\n%s", tt.name, words, r.stdout)
			}
		}
	}
	if got := others.Frame(t); !strings.HasPrefix(got, "event:ssed-doctor\ndata:ssed-doctor-") {
		t.Errorf("others see %q", got)
	}
}

func TestDoctorRefusesInvalidArguments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--idle=10ms", "/x"}, "--idle: "},
		{[]string{"--publish=tcp://127.0.0.1:1", "http://localhost/stream"}, "contains no namespace to publish to"},
		{[]string{"--publish=localhost:1", "/x"}, "tcp://host:port"},
		{[]string{"--publish-token=a publish", "/x"}, "expected one token"},
		{[]string{"x"}, "namespace"},
		{nil, "nothing to subscribe to"},
	} {
		run(t, nil, nil, append([]string{"doctor"}, tt.args...)...).wantFailure(t, exitUsage, tt.says)
	}
}

func TestShortDuration(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{2 * time.Second, "2s"}, {30 * time.Second, "30s"}, {time.Minute, "1m"}, {90 * time.Second, "1m30s"},
		{10 * time.Minute, "10m"}, {time.Hour, "1h"}, {time.Hour + time.Second, "1h0m1s"}, {10*time.Hour + 10*time.Minute, "10h10m"},
	} {
		if got := shortDuration(tt.d); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.d, got, tt.want)
		}
	}
}

func TestDoctorIsInterrupted(t *testing.T) {
	d := testtool.Start(t)
	cmd := exec.Command(testtool.Build(t), "doctor", "--idle=1h", d.Subscribe[0], "/x")
	cmd.Env = testtool.Environ()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	subscribed(t, d, 2)
	wantInterrupted(t, cmd.Process)
}

// TestDoctorIgnoresSSEDPublish checks that SSED_PUBLISH does not make the doctor publish, because
// it configures the daemon's address.
func TestDoctorIgnoresSSEDPublish(t *testing.T) {
	testtool.Long(t, "doctor listens for seconds")
	t.Parallel()
	d := testtool.Start(t, "--heartbeat=1s")
	r := run(t, nil, []string{"SSED_PUBLISH=" + d.Publish[0]}, "doctor", "--idle=3s", d.Subscribe[0], "/x")
	if r.code != 0 || !strings.Contains(r.stdout, "use --publish for a better check") {
		t.Errorf("%+v", r)
	}
}
