package listen

import (
	"strings"
	"testing"
)

// TestParseEndpoint checks valid and invalid URLs, and Loopback.
func TestParseEndpoint(t *testing.T) {
	tests := []struct {
		url      string
		want     Endpoint
		loopback bool
		err      string
	}{
		{url: "tcp://127.0.0.1:8002", want: Endpoint{"tcp", "127.0.0.1:8002"}, loopback: true},
		{url: "tcp://127.9.9.9:0", want: Endpoint{"tcp", "127.9.9.9:0"}, loopback: true},
		{url: "tcp://[::1]:8002", want: Endpoint{"tcp", "[::1]:8002"}, loopback: true},
		{url: "tcp://localhost:8002", want: Endpoint{"tcp", "localhost:8002"}, loopback: true},
		{url: "tcp://:8002", want: Endpoint{"tcp", ":8002"}},
		{url: "tcp://0.0.0.0:8002", want: Endpoint{"tcp", "0.0.0.0:8002"}},
		{url: "tcp://example.org:8002", want: Endpoint{"tcp", "example.org:8002"}},
		{url: "tcp://localhost.example.org:8002", want: Endpoint{"tcp", "localhost.example.org:8002"}},
		{url: "unix:///run/ssed.sock", want: Endpoint{"unix", "/run/ssed.sock"}, loopback: true},
		{url: "unix:///a b", want: Endpoint{"unix", "/a b"}, loopback: true},
		{url: "unix:///" + strings.Repeat("x", 106), want: Endpoint{"unix", "/" + strings.Repeat("x", 106)}, loopback: true},

		{url: "", err: "expected tcp://host:port or unix:///path"},
		{url: "127.0.0.1:8002", err: "expected tcp://host:port or unix:///path"},
		{url: "http://127.0.0.1:8002", err: `invalid URL "http://127.0.0.1:8002": expected tcp://host:port or unix:///path`},
		{url: "tcp://127.0.0.1", err: `invalid URL "tcp://127.0.0.1": the port is missing: expected tcp://host:port`},
		{url: "tcp://::1:8002", err: "IPv6 address must be in [brackets]"},
		{url: "tcp://localhost:", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:http", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:65536", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:8002/", err: "a number from 0 to 65535"},
		{url: "tcp://me@localhost:8002", err: "invalid character in host"},
		{url: "tcp://[fe80::1%eth0]:8002", err: "invalid character in host"},
		{url: "unix://run/ssed.sock", err: "must be absolute"},
		{url: "unix://@ssed", err: "must be absolute"},
		{url: "unix:///run/", err: "ends with a slash"},
		{url: "unix:///a?b", err: "must not contain"},
		{url: "unix:///a#b", err: "must not contain"},
		{url: "unix:///a%b", err: "must not contain"},
		{url: "unix:///a://b", err: "must not contain"},
		{url: "unix:///a\nb", err: "must not contain"},
		{url: "unix:///" + strings.Repeat("x", 107), err: "has 108 bytes, and Linux allows 107"},
	}
	for _, tt := range tests {
		got, err := ParseEndpoint(tt.url)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.url, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want || got.Loopback() != tt.loopback || got.String() != tt.url {
			t.Errorf("%q: %v (loopback %v), %v", tt.url, got, got.Loopback(), err)
		}
	}
}

// TestParseEndpoints verifies that the error reports the first invalid URL.
func TestParseEndpoints(t *testing.T) {
	got, err := ParseEndpoints([]string{"tcp://:8002", "unix:///run/ssed.sock"})
	if err != nil || len(got) != 2 || got[0] != (Endpoint{"tcp", ":8002"}) || got[1] != (Endpoint{"unix", "/run/ssed.sock"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := ParseEndpoints(nil); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := ParseEndpoints([]string{"tcp://:8002", "udp://:8003"}); err == nil || !strings.Contains(err.Error(), `"udp://:8003"`) {
		t.Errorf("%v, want the invalid URL in the error", err)
	}
}

// TestParseListen checks valid and invalid addresses for subscribers.
func TestParseListen(t *testing.T) {
	tests := []struct {
		address string
		want    Endpoint
		err     string
	}{
		{address: ":8001", want: Endpoint{"tcp", ":8001"}},
		{address: "[::1]:0", want: Endpoint{"tcp", "[::1]:0"}},
		{address: "tcp://localhost:8001", want: Endpoint{"tcp", "localhost:8001"}},
		{address: "unix:///run/ssed/http", want: Endpoint{"unix", "/run/ssed/http"}},

		{address: "", err: `invalid address "": expected host:port`},
		{address: "8001", err: `invalid address "8001": expected host:port`},
		{address: "/run/ssed/http", err: `invalid address "/run/ssed/http": expected host:port or :port, such as 127.0.0.1:8001 or [::1]:8001, or unix:///path`},
		{address: "unix://run/ssed", err: `invalid address "unix://run/ssed": the path must be absolute`},
		{address: "http://localhost:8001", err: `invalid address "http://localhost:8001": expected host:port, :port or unix:///path`},
	}
	for _, tt := range tests {
		got, err := ParseListen(tt.address)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.address, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: %v, %v", tt.address, got, err)
		}
	}
}
