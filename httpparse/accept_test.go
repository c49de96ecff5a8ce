package httpparse

import (
	"fmt"
	"strings"
	"testing"
)

// The two tables, acceptTable in this file and refuseTable in refuse_test.go, follow RFC 9112 and
// RFC 9110 section by section. There is one row for each MUST and SHOULD about parsing a head.
// Requirements for answers (Date, Allow, Connection, no body for HEAD) do not apply to a parser.

// with returns a valid request with additional field lines.
func with(fields ...string) string {
	return "GET / HTTP/1.1\r\n" + strings.Join(append([]string{"Host: h"}, fields...), "\r\n") + "\r\n\r\n"
}

// line returns a request with the given request line. The rest is valid.
func line(l string) string { return l + "\r\nHost: h\r\n\r\n" }

// host returns a request with the given Host value. The rest is valid.
func host(value string) string { return "GET / HTTP/1.1\r\nHost:" + value + "\r\n\r\n" }

// show formats a request for comparison with a row.
func show(req *Request) string {
	s := fmt.Sprintf("%s %s", req.Method, req.Path)
	if req.Query != nil {
		s += fmt.Sprintf(" ?%s", req.Query)
	}
	s += fmt.Sprintf(" @%s 1.%d", req.Host, req.Minor)
	for _, f := range req.Fields {
		if !f.Is("Host") {
			s += fmt.Sprintf(" %s=%q", f.Name, f.Value)
		}
	}
	if req.Chunked || req.ContentLength > 0 {
		s += fmt.Sprintf(" body(%d,%v)", req.ContentLength, req.Chunked)
	}
	return s
}

var acceptTable = []struct{ section, what, input, want string }{
	{"9112 2.1", "the smallest request", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / @ 1.1"},
	{"9112 2.1", "no fields at all, 1.0", "GET / HTTP/1.0\r\n\r\n", "GET / @ 1.0"},
	{"9112 2.2", "octets, not characters, in a value", with("A: \xff\x80"), `GET / @h 1.1 A="\xff\x80"`},
	{"9112 2.2", "one empty line before the request line is ignored", "\r\n" + with(), "GET / @h 1.1"},
	{"9112 2.2", "two are, too", "\r\n\r\n" + with(), "GET / @h 1.1"},
	{"9112 2.2", "what follows the head is not looked at", with() + "\x00\n\r ", "GET / @h 1.1"},
	{"9112 2.3", "version 1.0", line("GET / HTTP/1.0"), "GET / @h 1.0"},
	{"9110 2.5", "a later minor version is served as ours", line("GET / HTTP/1.2"), "GET / @h 1.1"},
	{"9110 2.5", "the latest minor version", line("GET / HTTP/1.9"), "GET / @h 1.1"},

	{"9112 3", "a target of 8000 bytes", line("GET /" + strings.Repeat("a", 7999) + " HTTP/1.1"), "GET /" + strings.Repeat("a", 7999) + " @h 1.1"},
	{"9112 3", "a target of nearly all that a head may hold", line("GET /" + strings.Repeat("a", longTarget-1) + " HTTP/1.1"), "GET /" + strings.Repeat("a", longTarget-1) + " @h 1.1"},
	{"9112 3.1", "HEAD", line("HEAD / HTTP/1.1"), "HEAD / @h 1.1"},
	{"9110 9.1", "methods are case-sensitive and stay as sent", line("get / HTTP/1.1"), "get / @h 1.1"},
	{"9110 9.1", "an unknown method is the caller's to answer", line("BREW /pot HTTP/1.1"), "BREW /pot @h 1.1"},
	{"9110 9.1", "a method of every token character", line("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1"), "!#$%&'*+-.^_`|~09azAZ / @h 1.1"},
	{"9110 9.1", "the longest method", line(strings.Repeat("M", methodBytesMax) + " / HTTP/1.1"), strings.Repeat("M", methodBytesMax) + " / @h 1.1"},
	{"9110 9.1", "a method that is named like a protocol", line("PROXY / HTTP/1.1"), "PROXY / @h 1.1"},
	{"9110 9.1", "a method that is named like a command of the line protocol", line("PUB / HTTP/1.1"), "PUB / @h 1.1"},
	{"9110 9.1", "a method that begins like a preface", line("PRI / HTTP/1.1"), "PRI / @h 1.1"},

	{"9112 3.2.1", "origin-form", line("GET /a/b HTTP/1.1"), "GET /a/b @h 1.1"},
	{"9112 3.2.1", "origin-form with a query", line("GET /a?b=c&d HTTP/1.1"), "GET /a ?b=c&d @h 1.1"},
	{"9112 3.2.1", "an empty query is a query", line("GET /a? HTTP/1.1"), "GET /a ? @h 1.1"},
	{"9112 3.2.1", "a ? in the query", line("GET /a?b?c HTTP/1.1"), "GET /a ?b?c @h 1.1"},
	{"9112 3.2.1", "two slashes begin a path, not an authority", line("GET //evil/x HTTP/1.1"), "GET //evil/x @h 1.1"},
	{"9112 3.2.1", "an absolute URI in the path", line("GET /http://x/ HTTP/1.1"), "GET /http://x/ @h 1.1"},
	{"3986 5.2.4", "dot segments stay", line("GET /a/../b/./c HTTP/1.1"), "GET /a/../b/./c @h 1.1"},
	{"3986 2.1", "triplets stay encoded", line("GET /%2e%2E/%00/%zz HTTP/1.1"), "GET /%2e%2E/%00/%zz @h 1.1"},
	{"3986 2.2", "what browsers send unencoded", line(`GET /[a]|b?q={"x":[^\]} HTTP/1.1`), `GET /[a]|b ?q={"x":[^\]} @h 1.1`},
	{"3986 2", "UTF-8 as curl sends it", line("GET /käse HTTP/1.1"), "GET /käse @h 1.1"},
	{"9112 3.2.2", "absolute-form", line("GET http://x/a?b HTTP/1.1"), "GET /a ?b @x 1.1"},
	{"9112 3.2.2", "absolute-form outranks Host", "GET http://x:81/a HTTP/1.1\r\nHost: y\r\n\r\n", "GET /a @x:81 1.1"},
	{"9112 3.2.2", "absolute-form outranks Host in 1.0", "GET http://x/ HTTP/1.0\r\n\r\n", "GET / @x 1.0"},
	{"9112 3.2.2", "absolute-form outranks an empty Host", "GET http://x/ HTTP/1.1\r\nHost:\r\n\r\n", "GET / @x 1.1"},
	{"9110 4.2.2", "https behind a proxy that ends TLS", line("GET https://x/ HTTP/1.1"), "GET / @x 1.1"},
	{"9110 4.2.3", "the scheme in any case", line("GET hTTp://x/ HTTP/1.1"), "GET / @x 1.1"},
	{"9110 4.2.3", "an empty path is /", line("GET http://x HTTP/1.1"), "GET / @x 1.1"},
	{"9110 4.2.3", "an empty path before a query is /", line("GET http://x?q HTTP/1.1"), "GET / ?q @x 1.1"},
	{"9112 3.2.4", "asterisk-form", line("OPTIONS * HTTP/1.1"), "OPTIONS * @h 1.1"},
	{"9112 3.2.4", "OPTIONS on a path", line("OPTIONS /a HTTP/1.1"), "OPTIONS /a @h 1.1"},

	{"9112 3.2", "no Host in 1.0", "GET / HTTP/1.0\r\nA: b\r\n\r\n", `GET / @ 1.0 A="b"`},
	{"9112 3.2", "an empty Host", host(" "), "GET / @ 1.1"},
	{"9110 7.2", "a name and a port", host("example.org:8001"), "GET / @example.org:8001 1.1"},
	{"9110 7.2", "an empty port", host("example.org:"), "GET / @example.org: 1.1"},
	{"9110 7.2", "IPv4", host(" 127.0.0.1:80 "), "GET / @127.0.0.1:80 1.1"},
	{"9110 7.2", "IPv6", host("[::1]"), "GET / @[::1] 1.1"},
	{"9110 7.2", "IPv6 with a port", host("[::ffff:1.2.3.4]:80"), "GET / @[::ffff:1.2.3.4]:80 1.1"},
	{"3986 3.2.2", "sub-delims and triplets in a name", host("a_b~(c)%C3%A4"), "GET / @a_b~(c)%C3%A4 1.1"},

	{"9112 5", "a name of every token character", with("!#$%&'*+-.^_`|~09azAZ: b"), "GET / @h 1.1 !#$%&'*+-.^_`|~09azAZ=\"b\""},
	{"9112 5.1", "no whitespace around the value", with("A:b"), `GET / @h 1.1 A="b"`},
	{"9112 5.1", "whitespace around the value is no part of it", with("A: \t b c\t \t"), `GET / @h 1.1 A="b c"`},
	{"9112 5.1", "an empty value", with("A:"), `GET / @h 1.1 A=""`},
	{"9112 5.1", "a value of whitespace is empty", with("A: \t "), `GET / @h 1.1 A=""`},
	{"9112 5.1", "a colon in the value", with("A: b:c"), `GET / @h 1.1 A="b:c"`},
	{"9110 5.1", "names in any case", "GET / HTTP/1.1\r\nhOST: h\r\nCONTENT-LENGTH: 1\r\n\r\n", `GET / @h 1.1 CONTENT-LENGTH="1" body(1,false)`},
	{"9110 5.3", "repeated fields keep their order", with("A: 1", "B: 2", "A: 3"), `GET / @h 1.1 A="1" B="2" A="3"`},
	{"9110 5.4", "as many fields as allowed", with(strings.Fields(strings.Repeat("A:b ", FieldsMax-1))...), "GET / @h 1.1" + strings.Repeat(` A="b"`, FieldsMax-1)},
	{"9110 5.4", "the largest head", with("A:" + strings.Repeat("b", DefaultHeadBytesMax-len(with("A:")))), `GET / @h 1.1 A="` + strings.Repeat("b", DefaultHeadBytesMax-len(with("A:"))) + `"`},
	{"9110 5.5", "tabs inside a value", with("A: b\tc"), `GET / @h 1.1 A="b\tc"`},

	{"9112 6.3", "no framing is no body", with(), "GET / @h 1.1"},
	{"9112 6.3", "a length on a GET", with("Content-Length: 5") + "hello", `GET / @h 1.1 Content-Length="5" body(5,false)`},
	{"9112 6.3", "a length of nothing", with("Content-Length: 0"), `GET / @h 1.1 Content-Length="0"`},
	{"9110 8.6", "leading zeros are decimal", with("Content-Length: 00000000000000000000010"), `GET / @h 1.1 Content-Length="00000000000000000000010" body(10,false)`},
	{"9110 8.6", "the largest length", with("Content-Length: 9223372036854775807"), `GET / @h 1.1 Content-Length="9223372036854775807" body(9223372036854775807,false)`},
	{"9112 6.1", "chunked", with("Transfer-Encoding: chunked"), `GET / @h 1.1 Transfer-Encoding="chunked" body(0,true)`},
	{"9112 7", "codings in any case", with("transfer-encoding: CHUNKED"), `GET / @h 1.1 transfer-encoding="CHUNKED" body(0,true)`},
	{"9110 5.6.1.2", "empty list elements are ignored", with("Transfer-Encoding: , chunked,,"), `GET / @h 1.1 Transfer-Encoding=", chunked,," body(0,true)`},
	{"9112 11.2", "a request in a body is not a request", with("Content-Length: 18") + "GET /x HTTP/1.1\r\n\r\n", `GET / @h 1.1 Content-Length="18" body(18,false)`},

	{"9110 5.1", "unknown fields are kept and ignored", with("Foo: bar"), `GET / @h 1.1 Foo="bar"`},
	{"9110 7.8", "an upgrade may be ignored", with("Connection: Upgrade", "Upgrade: h2c"), `GET / @h 1.1 Connection="Upgrade" Upgrade="h2c"`},
	{"9110 10.1.1", "100-continue is answered by the final status", with("Expect: 100-continue"), `GET / @h 1.1 Expect="100-continue"`},
	{"9110 10.1.1", "other expectations may be ignored", with("Expect: a-pony"), `GET / @h 1.1 Expect="a-pony"`},
	{"clients", "curl", curlHead, `GET /subscribe/pets @localhost:8001 1.1 User-Agent="curl/8.14.1" Accept="*/*"`},
}

// TestAccept checks that the parser accepts every row of acceptTable, with the expected parts.
func TestAccept(t *testing.T) {
	for _, row := range acceptTable {
		var p Parser
		var req Request
		n, err := p.Parse([]byte(row.input), &req)
		if err != nil || n == 0 {
			t.Errorf("%s: %s: %d, %v", row.section, row.what, n, err)
			continue
		}
		if got := show(&req); got != row.want {
			t.Errorf("%s: %s:\ngot  %s\nwant %s", row.section, row.what, got, row.want)
		}
		if !strings.HasSuffix(row.input[:n], "\r\n\r\n") {
			t.Errorf("%s: %s: the head ends after %d bytes, not at a blank line", row.section, row.what, n)
		}
	}
}

// TestParseConsumesOnlyTheHead verifies that a pipelined request is left in the buffer, and that a
// reused Request keeps nothing of the first one.
func TestParseConsumesOnlyTheHead(t *testing.T) {
	first, second := with("Content-Length: 3")+"abc", line("GET /second HTTP/1.1")
	var p Parser
	var req Request
	n, err := p.Parse([]byte(first+second), &req)
	if err != nil || n != len(first)-len("abc") || req.ContentLength != 3 || req.Chunked || string(req.Path) != "/" {
		t.Fatalf("the first request: %d, %v, %s", n, err, show(&req))
	}
	n, err = p.Parse([]byte(second), &req)
	if err != nil || n != len(second) || req.ContentLength > 0 || req.Chunked || string(req.Path) != "/second" {
		t.Fatalf("the second request: %d, %v, %s", n, err, show(&req))
	}
}

// TestGet checks Get with repeated, empty and missing fields.
func TestGet(t *testing.T) {
	var p Parser
	var req Request
	if _, err := p.Parse([]byte(with("Last-Event-ID: 7", "Empty:", "A: 1", "a: 2")), &req); err != nil {
		t.Fatal(err)
	}
	if got := req.Get("last-event-id"); string(got) != "7" {
		t.Errorf("in another case: %q", got)
	}
	if got := req.Get("A"); string(got) != "1" {
		t.Errorf("the first of two: %q", got)
	}
	if got := req.Get("Empty"); got == nil || len(got) != 0 {
		t.Errorf("without a value: %#v", got)
	}
	if got := req.Get("Missing"); got != nil {
		t.Errorf("absent: %#v", got)
	}
}
