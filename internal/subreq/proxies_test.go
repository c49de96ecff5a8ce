package subreq

import (
	"net/netip"
	"testing"
)

// TestProxies checks Covers and Empty, and that invalid entries are refused.
func TestProxies(t *testing.T) {
	for _, tt := range []struct {
		name    string
		proxies []string
		client  string // empty: a client of a unix socket
		covered bool
	}{
		{"no proxies", nil, "127.0.0.1", false},
		{"no proxies, unix", nil, "", false},
		{"a network", []string{"10.0.0.0/8"}, "10.1.2.3", true},
		{"beside a network", []string{"10.0.0.0/8"}, "11.0.0.1", false},
		{"a network is not unix", []string{"10.0.0.0/8"}, "", false},
		{"an address", []string{"::1"}, "::1", true},
		{"a mapped address", []string{"::ffff:192.0.2.1"}, "192.0.2.1", true},
		{"the host bits do not count", []string{"10.1.2.3/8"}, "10.9.9.9", true},
		{"a zone does not count", []string{"fe80::/10"}, "fe80::1%eth0", true},
		{"unix", []string{"unix"}, "", true},
		{"unix is no address", []string{"unix"}, "127.0.0.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ParseProxies(tt.proxies)
			if err != nil {
				t.Fatal(err)
			}
			var client netip.Addr
			if tt.client != "" {
				client = netip.MustParseAddr(tt.client)
			}
			if got := p.Covers(client); got != tt.covered || p.Empty() != (len(tt.proxies) == 0) {
				t.Errorf("Covers: %v, Empty: %v", got, p.Empty())
			}
		})
	}
	for _, bad := range []string{"10.0.0.0/33", "localhost", ""} {
		if _, err := ParseProxies([]string{"10.0.0.0/8", bad}); err == nil {
			t.Errorf("ParseProxies accepts %q", bad)
		}
	}
}
