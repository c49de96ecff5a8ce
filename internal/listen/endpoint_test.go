package listen

import (
	"strings"
	"testing"
)

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

		{url: "", err: "write tcp://host:port or unix:///path"},
		{url: "127.0.0.1:8002", err: "write tcp://host:port or unix:///path"},
		{url: "http://127.0.0.1:8002", err: "the scheme must be tcp or unix"},
		{url: "tcp://127.0.0.1", err: "the port is missing"},
		{url: "tcp://::1:8002", err: "IPv6 address in [brackets]"},
		{url: "tcp://localhost:", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:http", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:65536", err: "a number from 0 to 65535"},
		{url: "tcp://localhost:8002/", err: "a number from 0 to 65535"},
		{url: "tcp://me@localhost:8002", err: "no host name has"},
		{url: "tcp://[fe80::1%eth0]:8002", err: "no host name has"},
		{url: "unix://run/ssed.sock", err: "must be absolute"},
		{url: "unix://@ssed", err: "must be absolute"},
		{url: "unix:///run/", err: "names a folder"},
		{url: "unix:///a?b", err: "may not hold"},
		{url: "unix:///a#b", err: "may not hold"},
		{url: "unix:///a%b", err: "may not hold"},
		{url: "unix:///a://b", err: "may not hold"},
		{url: "unix:///a\nb", err: "may not hold"},
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
