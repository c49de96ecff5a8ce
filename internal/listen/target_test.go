package listen

import (
	"strings"
	"testing"
)

// TestParseTarget checks valid and invalid URLs of servers.
func TestParseTarget(t *testing.T) {
	for _, tt := range []struct {
		url  string
		want Endpoint
		err  string
	}{
		{url: "tcp://127.0.0.1:8002", want: Endpoint{"tcp", "127.0.0.1:8002"}},
		{url: "tcp://:8002", want: Endpoint{"tcp", ":8002"}},
		{url: "unix:///run/ssed.sock", want: Endpoint{"unix", "/run/ssed.sock"}},
		{url: "tls://example.org:8003", want: Endpoint{"tls", "example.org:8003"}},
		{url: "tls://[::1]:8003", want: Endpoint{"tls", "[::1]:8003"}},

		{url: "", err: `invalid URL "": expected tcp://host:port, tls://host:port or unix:///path`},
		{url: "https://example.org", err: "expected tcp://host:port, tls://host:port or unix:///path"},
		{url: "tls://example.org", err: "the port is missing: expected tls://host:port, such as tls://example.org:8003"},
		{url: "tls://:8003", err: "the host is missing: expected tls://host:port"},
		{url: "tls://::1:8003", err: "an IPv6 address must be in [brackets]"},
		{url: "tls://me@example.org:8003", err: `invalid character in host "me@example.org": expected tls://`},
		{url: "tls://example.org:https", err: "a number from 0 to 65535"},
		{url: "tcp://example.org", err: "the port is missing: expected tcp://host:port"},
		{url: "unix://run/ssed.sock", err: "must be absolute"},
	} {
		got, err := ParseTarget(tt.url)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.url, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want || got.String() != tt.url {
			t.Errorf("%q: %v, %v", tt.url, got, err)
		}
	}
	if e, err := ParseEndpoint("tls://example.org:8003"); err == nil {
		t.Errorf("a server listens on %v", e)
	}
}
