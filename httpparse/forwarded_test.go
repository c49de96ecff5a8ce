package httpparse

import (
	"net/netip"
	"strings"
	"testing"
)

// TestClientAddr checks the address for several fields, proxies and invalid entries.
func TestClientAddr(t *testing.T) {
	ours := netip.MustParsePrefix("10.0.0.0/8")
	trusted := func(a netip.Addr) bool { return ours.Contains(a) }
	for _, tt := range []struct {
		name, peer, fields string
		want               string
	}{
		{"no proxy", "203.0.113.9", "", "203.0.113.9"},
		{"a field of an untrusted client is ignored", "203.0.113.9", "X-Forwarded-For: 8.8.8.8", "203.0.113.9"},
		{"one proxy", "10.0.0.1", "X-Forwarded-For: 203.0.113.9", "203.0.113.9"},
		{"two proxies", "10.0.0.1", "X-Forwarded-For: 203.0.113.9, 10.0.0.2", "203.0.113.9"},
		{"what the client wrote is ignored", "10.0.0.1", "X-Forwarded-For: 9.9.9.9, 8.8.8.8, 203.0.113.9", "203.0.113.9"},
		{"also where it wrote a proxy's address", "10.0.0.1", "X-Forwarded-For: 10.0.0.7, 203.0.113.9", "203.0.113.9"},
		{"also on separate lines", "10.0.0.1", "X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.2", "203.0.113.9"},
		{"a list over two lines", "10.0.0.1", "X-Forwarded-For: 8.8.8.8, 203.0.113.9\r\nX-Forwarded-For: 10.0.0.2", "203.0.113.9"},
		{"all are proxies", "10.0.0.1", "X-Forwarded-For: 10.0.0.3,10.0.0.2", "10.0.0.3"},
		{"with a port", "10.0.0.1", "X-Forwarded-For: 203.0.113.9:4711", "203.0.113.9"},
		{"IPv6", "10.0.0.1", "X-Forwarded-For: 2001:db8::1", "2001:db8::1"},
		{"IPv6 in brackets", "10.0.0.1", "X-Forwarded-For: [2001:db8::1]", "2001:db8::1"},
		{"IPv6 with a port", "10.0.0.1", "X-Forwarded-For: [2001:db8::1]:80", "2001:db8::1"},
		{"IPv4 in IPv6", "10.0.0.1", "X-Forwarded-For: ::ffff:203.0.113.9", "203.0.113.9"},
		{"nonsense", "10.0.0.1", "X-Forwarded-For: unknown", "10.0.0.1"},
		{"nonsense behind a proxy", "10.0.0.1", "X-Forwarded-For: 8.8.8.8, <script>, 10.0.0.2", "10.0.0.2"},
		{"empty", "10.0.0.1", "X-Forwarded-For:", "10.0.0.1"},
		{"an empty entry", "10.0.0.1", "X-Forwarded-For: 8.8.8.8,", "10.0.0.1"},
		{"endless", "10.0.0.1", "X-Forwarded-For: " + strings.Repeat("1", 5000), "10.0.0.1"},
		{"X-Real-IP", "10.0.0.1", "X-Real-IP: 203.0.113.9", "203.0.113.9"},
		{"X-Forwarded-For comes first", "10.0.0.1", "X-Real-IP: 8.8.8.8\r\nX-Forwarded-For: 203.0.113.9", "203.0.113.9"},
		// RFC 7239 section 4.
		{"Forwarded", "10.0.0.1", "Forwarded: for=203.0.113.9;proto=http;by=10.0.0.1", "203.0.113.9"},
		{"Forwarded, any case", "10.0.0.1", "forwarded: Proto=http; For=203.0.113.9", "203.0.113.9"},
		{"Forwarded, IPv6 in quotes", "10.0.0.1", `Forwarded: For="[2001:db8:cafe::17]:4711"`, "2001:db8:cafe::17"},
		{"Forwarded, two", "10.0.0.1", "Forwarded: for=8.8.8.8, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"},
		{"Forwarded, obfuscated", "10.0.0.1", "Forwarded: for=_hidden, for=10.0.0.2", "10.0.0.2"},
		{"Forwarded, a host that holds an element", "10.0.0.1", `Forwarded: for=203.0.113.9;host="a,for=6.6.6.6"`, "203.0.113.9"},
		{"Forwarded, a host that holds a parameter", "10.0.0.1", `Forwarded: proto=http;host="x;for=6.6.6.6";for=203.0.113.9`, "203.0.113.9"},
		{"Forwarded, the same behind it", "10.0.0.1", `Forwarded: for=203.0.113.9;host="x;for=6.6.6.6"`, "203.0.113.9"},
		{"Forwarded, a quote in quotes", "10.0.0.1", `Forwarded: for=203.0.113.9;host="a\",for=6.6.6.6"`, "203.0.113.9"},
		{"Forwarded, an open quote", "10.0.0.1", `Forwarded: for=203.0.113.9;host="a,for=6.6.6.6`, "10.0.0.1"},
		{"quotes mean nothing in it", "10.0.0.1", `X-Forwarded-For: ", 203.0.113.9`, "203.0.113.9"},
		{"an address with a zone", "10.0.0.1", "X-Forwarded-For: fe80::1%eth0", "10.0.0.1"},
		{"Forwarded, without for", "10.0.0.1", "Forwarded: by=10.0.0.2", "10.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			head := "GET / HTTP/1.1\r\nHost: x\r\n"
			if tt.fields != "" {
				head += tt.fields + "\r\n"
			}
			var p Parser
			var req Request
			if _, err := p.Parse([]byte(head+"\r\n"), &req); err != nil {
				t.Fatal(err)
			}
			if got := ClientAddr(&req, netip.MustParseAddr(tt.peer), trusted); got.String() != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// FuzzClientAddr verifies that the address appended by the trusted proxy counts, regardless of what
// the client wrote before it.
func FuzzClientAddr(f *testing.F) {
	for _, seed := range []string{"", "8.8.8.8", "10.0.0.7, 8.8.8.8", `for="x`, `for=1.2.3.4;host="a,b"`, "::1", "[::1]:80"} {
		f.Add(seed)
	}
	proxy, client := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("203.0.113.9")
	trusted := func(a netip.Addr) bool { return a == proxy }
	f.Fuzz(func(t *testing.T, written string) {
		for _, field := range []string{"X-Forwarded-For: " + written + ", 203.0.113.9", "X-Forwarded-For: " + written + "\r\nX-Forwarded-For: 203.0.113.9"} {
			var p Parser
			var req Request
			head := []byte("GET / HTTP/1.1\r\nHost: x\r\n" + field + "\r\n\r\n")
			n, err := p.Parse(head, &req)
			if err != nil || n != len(head) || len(req.Fields) > 3 {
				continue // the input is not a valid field value
			}
			got := ClientAddr(&req, proxy, trusted)
			if got != client {
				t.Errorf("with %q the client's address is %v", field, got)
			}
		}
	})
}
