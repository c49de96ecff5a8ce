package proxies

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// withEdits returns p with more edits.
func (p proxy) withEdits(more ...edit) proxy {
	edits := p.edits
	p.edits = func(at site, idle time.Duration) []edit { return append(edits(at, idle), more...) }
	return p
}

// sees runs "ssed doctor" and returns its verdicts ("ok", "BAD") by topic, its output, and its exit
// code.
func sees(t *testing.T, args ...string) (verdicts map[string]string, said string, code int) {
	t.Helper()
	cmd := exec.Command(testtool.Build(t), append([]string{"doctor"}, args...)...)
	cmd.Env = testtool.Environ()
	out, err := cmd.Output()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	verdicts = map[string]string{}
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); words[0] != "->" {
			verdicts[words[1]] = words[0]
		}
	}
	return verdicts, string(out), cmd.ProcessState.ExitCode()
}

var (
	buffers    = edit{"proxy_buffering off;", "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;"}
	compresses = edit{"gzip off;", "gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_http_version 1.0; gzip_proxied any;"}
)

// shortIdle is not a whole number of seconds, because a proxy's clock may be a millisecond early.
const shortIdle = 1500 * time.Millisecond

// TestDoctor verifies that "ssed doctor" finds the effect of each proxy setting on a stream, and
// names the setting that repairs it.
func TestDoctor(t *testing.T) {
	testtool.Long(t, "doctor listens to each proxy for seconds")
	for _, tt := range []struct {
		name    string
		proxy   proxy
		idle    time.Duration // of the proxy
		publish bool
		bad     string // the topic that must be bad; none if empty
		says    []string
	}{
		{"as shipped", nginx, idleShipped, true, "", []string{"the published event was received after ", "the stream stayed open for 5s", "HTTP/1.1: browsers open at most six", "compression  the stream is not compressed"}},
		{"as shipped, by heartbeats", nginx, idleShipped, false, "", []string{"no heartbeats arrived together"}},
		{"as shipped, HAProxy", haproxy, idleShipped, true, "", []string{"the published event was received after "}},
		{"buffering", nginx.withEdits(buffers), idleShipped, true, "head", []string{"held back", "-> nginx: proxy_buffering off;"}},
		{"buffering, by heartbeats", nginx.withEdits(buffers), idleShipped, false, "head", []string{"held back", "-> nginx: proxy_buffering off;"}},
		{"gzip that flushes", nginx.withEdits(compresses), idleShipped, true, "", []string{"compressed (gzip); the published event was received after "}},
		{"a short time", nginx, shortIdle, true, "idle", []string{"the stream ended after 1.", "-> nginx: proxy_read_timeout 60s;"}},
		{"as shipped, Caddy", caddy, idleShipped, true, "", []string{"the published event was received after "}},
		{"a short time, Caddy", caddy, shortIdle, true, "idle", []string{"the stream ended after 1.", "-> caddy: read_timeout 60s"}},
		{"a short time, HAProxy", haproxy, shortIdle, true, "idle", []string{"the stream ended after 1.", "-> haproxy: timeout server 60s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			testtool.Need(t, tt.proxy.program)
			heartbeat := "--heartbeat=1s"
			if tt.bad == "idle" {
				heartbeat = "--heartbeat=15s"
			}
			f := behind(t, tt.proxy, tt.idle, heartbeat)
			args := []string{"--idle=5s", "http://" + f.listen, "/x"}
			if tt.publish {
				args = append(args, "--publish="+f.daemon.Publish[0])
			}
			verdicts, said, code := sees(t, args...)
			wantCode := 0
			if tt.bad != "" {
				wantCode = 1
			}
			if code != wantCode {
				t.Errorf("exit code %d, want %d", code, wantCode)
			}
			for what, verdict := range verdicts {
				if (verdict == "BAD") != (what == tt.bad) {
					t.Errorf("%s: %s", what, verdict)
				}
			}
			for _, words := range tt.says {
				if !strings.Contains(said, words) {
					t.Errorf("%q is missing", words)
				}
			}
			if t.Failed() {
				t.Log(said)
			}
		})
	}
}
