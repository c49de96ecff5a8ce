package load

import (
	"fmt"
	"testing"
	"time"
)

// TestLoopbackOnly verifies that addresses that are not IPv4 loopback are rejected everywhere.
func TestLoopbackOnly(t *testing.T) {
	for _, good := range []string{"127.0.0.1:80", "127.255.255.254:65535"} {
		if _, err := loopback(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", ":80", "localhost:80", "0.0.0.0:80", "10.0.0.1:80", "128.0.0.1:80", "126.255.255.255:80", "[::1]:80",
		"[::ffff:127.0.0.1]:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "192.0.2.1:80", "127.0.0.1.example.com:80"} {
		if _, err := loopback(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
		if _, err := New(Config{Subscribe: bad, PayloadBytes: 64, Topics: Split(1, 1)}); err == nil {
			t.Errorf("New accepted %q for subscribers", bad)
		}
		if _, err := New(Config{Subscribe: "127.0.0.1:1", Publish: bad, PayloadBytes: 64, Topics: Split(1, 1)}); err == nil && bad != "" {
			t.Errorf("New accepted %q for publishers", bad)
		}
		if _, err := Flood(FloodConfig{Publish: bad, Measure: time.Second}); err == nil {
			t.Errorf("Flood accepted %q", bad)
		}
	}
}

// TestSourceAddresses checks that source addresses are loopback, and that each is used by at most
// perSource connections.
func TestSourceAddresses(t *testing.T) {
	seen := map[string]int{}
	for n := range 200_000 {
		a := source(n).Addr
		if a[0] != 127 || a[3] == 0 || a[3] == 255 {
			t.Fatalf("subscriber %d connects from %v", n, a)
		}
		seen[fmt.Sprint(a)]++
	}
	for a, n := range seen {
		if n != perSource {
			t.Fatalf("%s is the source of %d connections, want %d", a, n, perSource)
		}
	}
}
