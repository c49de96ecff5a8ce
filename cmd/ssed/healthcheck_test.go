package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ssed/ssed/internal/testtool"
)

// TestHealthTarget checks that the default target is the address at which the daemon of this
// environment listens.
func TestHealthTarget(t *testing.T) {
	for _, tt := range []struct {
		url    string
		listen string
		want   string // result of String; empty means an error
	}{
		{"", ":8001", "http://127.0.0.1:8001/healthz"},
		{"", "0.0.0.0:80", "http://127.0.0.1:80/healthz"},
		{"", "[::]:80", "http://[::1]:80/healthz"},
		{"", "10.1.2.3:8001", "http://10.1.2.3:8001/healthz"},
		{"", "[fe80::1]:8001", "http://[fe80::1]:8001/healthz"},
		{"", "localhost:8001", "http://localhost:8001/healthz"},
		{"", "tcp://10.1.2.3:8001", "http://10.1.2.3:8001/healthz"},
		{"", "unix:///run/ssed/http.sock", "unix:///run/ssed/http.sock"},
		{"", "unix://run/ssed/http.sock", ""},
		{"", "127.0.0.1:0", ""},
		{"", "8001", ""},
		{"http://10.0.0.1:8001", ":1", "http://10.0.0.1:8001/healthz"},
		{"http://10.0.0.1:8001/", ":1", "http://10.0.0.1:8001/healthz"},
		{"http://10.0.0.1:8001/admin/healthz", ":1", "http://10.0.0.1:8001/admin/healthz"},
		{"10.0.0.1:8001", ":1", "http://10.0.0.1:8001/healthz"},
		{"https://events.example.org", ":1", "https://events.example.org/healthz"},
		{"unix:///run/x", ":1", "unix:///run/x"},
		{"unix://x", ":1", ""},
		{"ftp://x", ":1", ""},
		{"http://", ":1", ""},
		{"http://user:secret@x", ":1", ""},
		{"http://x/#part", ":1", ""},
	} {
		c := healthcheckCommand{URL: tt.url, Listen: []string{tt.listen}, Timeout: time.Second}
		got, err := c.target()
		if (err == nil) != (tt.want != "") || err == nil && got.String() != tt.want {
			t.Errorf("%q and --listen %q: %v, %v, want %q", tt.url, tt.listen, got, err, tt.want)
		}
		if invalid := c.Validate(&kong.Context{}); (invalid == nil) != (err == nil) {
			t.Errorf("%q and --listen %q: Validate says %v", tt.url, tt.listen, invalid)
		}
	}
}

// TestHealthcheck checks real daemons, and servers that are not ssed.
func TestHealthcheck(t *testing.T) {
	socket := "unix://" + t.TempDir() + "/http"
	d := testtool.Start(t, "--admin=off", "--listen=127.0.0.1:0", "--listen="+socket, "--token=any-right-token", "--proxy-protocol", "--trusted-proxy=192.0.2.1")
	address := strings.TrimPrefix(d.Subscribe[0], "http://")
	_, port, _ := net.SplitHostPort(address)
	file := filepath.Join(t.TempDir(), "ssed.toml")
	if err := os.WriteFile(file, []byte("history = 3\nlisten = [\""+socket+"\"]\ntoken-file = \"/nonexistent\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	silent := testtool.Listen(t, func(net.Conn) {})
	elsewhere := httptest.NewServer(http.RedirectHandler(d.Subscribe[0]+"/healthz", http.StatusFound))
	defer elsewhere.Close()
	upgraded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "upgrade")
		w.Header().Set("Upgrade", "x")
		w.WriteHeader(http.StatusSwitchingProtocols)
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			t.Cleanup(func() { conn.Close() }) // it sends nothing more
		}
	}))
	defer upgraded.Close()
	closed := testtool.FreePort(t)
	streaming := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer streaming.Close()

	for _, tt := range []struct {
		name string
		env  string
		args []string
		code int
		says string
	}{
		{"the environment's daemon", "SSED_LISTEN=" + address, nil, 0, "is healthy: serving"},
		{"the platform's port", "PORT=" + port, nil, 0, "is healthy: serving"},
		{"the first of several", "SSED_LISTEN=" + address + ",127.0.0.1:1", nil, 0, address},
		{"the configuration file's", "SSED_CONFIG=" + file, nil, 0, socket},
		{"a socket", "", []string{socket}, 0, socket},
		{"a URL", "SSED_LISTEN=127.0.0.1:1", []string{d.Subscribe[0]}, 0, "serving"},
		{"a proxy of the environment is not used", "HTTP_PROXY=http://127.0.0.1:1", []string{d.Subscribe[0]}, 0, "serving"},
		{"nothing listens", "", []string{closed}, exitFailure, "/healthz: connection refused: is ssed running there?"},
		{"no answer", "SSED_HEALTHCHECK_TIMEOUT=100ms", []string{silent.Addr().String()}, exitFailure, "did not answer within 100ms"},
		{"a stream", "", []string{streaming.URL + "/subscribe/pets"}, exitFailure, "/subscribe/pets answered with a stream, not with a health report"},
		{"the address for publishers", "", []string{"http" + strings.TrimPrefix(d.Publish[0], "tcp")}, exitFailure, "does not answer in HTTP: is this the address for publishers?"},
		{"another path", "", []string{d.Subscribe[0] + "/health"}, exitFailure, "is unhealthy: 400"},
		{"a redirect", "", []string{elsewhere.URL}, exitFailure, "is unhealthy: 302"},
		{"another protocol", "", []string{upgraded.URL}, exitFailure, "is unhealthy: 101"},
		{"no URL", "", []string{"ftp://x"}, exitFailure, "invalid URL"},
		{"no time", "", []string{"--timeout=0s"}, exitFailure, "--timeout"},
		{"no place", "SSED_LISTEN=", nil, exitFailure, "--listen"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var env []string
			if tt.env != "" {
				env = []string{tt.env}
			}
			r := run(t, nil, env, append([]string{"healthcheck"}, tt.args...)...)
			if tt.code != 0 {
				r.wantFailure(t, tt.code, tt.says)
			} else if r.code != 0 || r.stderr != "" || strings.Count(r.stdout, "\n") != 1 || !strings.Contains(r.stdout, tt.says) {
				t.Errorf("got %+v, want one line with %q", r, tt.says)
			}
		})
	}
}

// TestHealthcheckWhileDraining checks that the daemon answers until its last subscriber has
// disconnected.
func TestHealthcheckWhileDraining(t *testing.T) {
	d := testtool.Start(t, "--drain=10m")
	conn, _ := subscribeTo(t, d.Subscribe[0], []string{"/x"}, 0)
	defer conn.Close()
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	testtool.WaitFor(t, "it is draining", func() bool { return strings.Contains(d.Log(), "msg=draining") })
	var r result
	testtool.WaitFor(t, "the loop knows", func() bool {
		r = run(t, nil, nil, "healthcheck", d.Subscribe[0])
		return r.code != 0
	})
	r.wantFailure(t, exitFailure, "is unhealthy: 503 draining")
}
