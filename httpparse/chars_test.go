package httpparse

import (
	"strings"
	"testing"
)

const (
	letters   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits    = "0123456789"
	unreserve = letters + digits + "-._~" // RFC 3986 section 2.3
	subDelims = "!$&'()*+,;="             // RFC 3986 section 2.2
	tchar     = letters + digits + "!#$%&'*+-.^_`|~"
)

// TestEveryByte puts each of the 256 bytes at each place of a request, and compares the accepted
// ones with the grammar. Rows omit bytes that have another meaning at a place, such as a space,
// which ends the method.
func TestEveryByte(t *testing.T) {
	visible := func(c byte) bool { return c > ' ' && c != 0x7f }
	for _, place := range []struct {
		name, before, after, leaveOut string
		allowed                       func(c byte) bool
	}{
		{"method", "M", "M / HTTP/1.1\r\nHost: h\r\n\r\n", "",
			func(c byte) bool { return strings.IndexByte(tchar, c) >= 0 }},
		{"first of the method", "", "M / HTTP/1.1\r\nHost: h\r\n\r\n", "",
			func(c byte) bool { return strings.IndexByte(tchar, c) >= 0 }},
		{"path", "GET /", "a HTTP/1.1\r\nHost: h\r\n\r\n", "",
			func(c byte) bool { return visible(c) && c != '#' }},
		{"first of the target", "GET ", " HTTP/1.1\r\nHost: h\r\n\r\n", "",
			func(c byte) bool { return c == '/' }},
		{"major version", "GET / HTTP/", ".1\r\nHost: h\r\n\r\n", "",
			func(c byte) bool { return c == '1' }},
		{"minor version", "GET / HTTP/1.", "\r\nHost: h\r\n\r\n", "",
			func(c byte) bool { return strings.IndexByte(digits, c) >= 0 }},
		{"after the version", "GET / HTTP/1.1", "\nHost: h\r\n\r\n", "",
			func(c byte) bool { return c == '\r' }},
		{"name", "GET / HTTP/1.1\r\nHost: h\r\nA", "A: b\r\n\r\n", ":",
			func(c byte) bool { return strings.IndexByte(tchar, c) >= 0 }},
		{"first of the name", "GET / HTTP/1.1\r\nHost: h\r\n", "A: b\r\n\r\n", "",
			func(c byte) bool { return strings.IndexByte(tchar, c) >= 0 }},
		{"value", "GET / HTTP/1.1\r\nHost: h\r\nA: b", "c\r\n\r\n", "",
			func(c byte) bool { return visible(c) || c == ' ' || c == '\t' }},
		{"host", "GET / HTTP/1.1\r\nHost: a", "1\r\n\r\n", "",
			func(c byte) bool { return strings.IndexByte(unreserve+subDelims+":", c) >= 0 }},
		{"authority", "GET http://a", "1 HTTP/1.1\r\nHost: h\r\n\r\n", "",
			func(c byte) bool { return strings.IndexByte(unreserve+subDelims+":/?", c) >= 0 }},
		{"IPv6", "GET / HTTP/1.1\r\nHost: [:", ":]\r\n\r\n", "]",
			func(c byte) bool { return strings.IndexByte(digits+"abcdefABCDEF:.", c) >= 0 }},
		{"port", "GET / HTTP/1.1\r\nHost: a:1", "1\r\n\r\n", "",
			func(c byte) bool { return strings.IndexByte(digits, c) >= 0 }},
		{"length", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1", "1\r\n\r\n", "",
			func(c byte) bool { return strings.IndexByte(digits, c) >= 0 }},
	} {
		for i := range 256 {
			c := byte(i)
			if strings.IndexByte(place.leaveOut, c) >= 0 {
				continue
			}
			o := parse([]byte(place.before+string([]byte{c})+place.after), 0)
			if o.isMore() || (o.n > 0) != place.allowed(c) {
				t.Errorf("%q in the %s: %+v", c, place.name, o)
			}
		}
	}
}

// TestEqualFold checks that equalFold ignores the case of ASCII letters only, and compares lengths.
func TestEqualFold(t *testing.T) {
	for a := range 256 {
		for b := range 128 {
			x, y := string([]byte{byte(a)}), string([]byte{byte(b)})
			want := a == b || a < 128 && strings.EqualFold(x, y)
			if got := equalFold([]byte(x), y); got != want {
				t.Errorf("%q and %q: %v", x, y, got)
			}
		}
	}
	if equalFold([]byte("Host"), "Hos") || equalFold(nil, "a") || !equalFold(nil, "") {
		t.Error("strings of different lengths are equal")
	}
}
