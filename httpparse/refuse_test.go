package httpparse

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

// many returns a head with n fields and Host.
func many(n int) string { return with(strings.Fields(strings.Repeat("A:b ", n))...) }

// longTarget is the length of the longest target that fits into a head in which Host is the only
// field.
var longTarget = DefaultHeadBytesMax - len(line("GET  HTTP/1.1"))

var refuseTable = []struct {
	section, what, input string
	want                 *Refusal
}{
	{"9112 2.2", "LF alone after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", errBareLF},
	{"9112 2.2", "LF alone after a field", "GET / HTTP/1.1\r\nHost: h\n\r\n", errBareLF},
	{"9112 2.2", "LF alone for the blank line", "GET / HTTP/1.1\r\nHost: h\r\n\n", errBareLF},
	{"9112 2.2", "LF alone before the request line", "\n" + with(), errBareLF},
	{"9112 2.2", "LF after a method", "GET\n\n", errBareLF},
	{"9112 2.2", "LF after a name", with("A\nB: c"), errBareLF},
	{"9112 2.2", "LF after a target", "GET /\nHost: h\n\n", errBareLF},
	{"9112 2.2", "bare CR in the target", line("GET /a\rb HTTP/1.1"), errBareCR},
	{"9112 2.2", "bare CR after the version", line("GET / HTTP/1.1\r"), errBareCR},
	{"9112 2.2", "bare CR in a value", with("A: b\rc"), errBareCR},
	{"9112 2.2", "bare CR for the blank line", "GET / HTTP/1.1\r\nHost: h\r\n\rx", errBareCR},
	{"9112 2.2", "bare CR before the request line", "\rGET / HTTP/1.1\r\n\r\n", errBareCR},
	{"9112 2.2", "three empty lines", "\r\n\r\n\r\n" + with(), errEmptyLines},
	{"9112 2.2", "whitespace before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", errFold},
	{"9112 2.2", "whitespace before the request line", " " + with(), errMethod},
	{"9112 2.3", "the version's name is case-sensitive", line("GET / http/1.1"), errVersion},
	{"9112 2.3", "no minor version", line("GET / HTTP/1"), errVersion},
	{"9112 2.3", "no version after a space", line("GET / "), errVersion},
	{"9112 2.3", "two digits", line("GET / HTTP/1.10"), errVersion},
	{"9112 2.3", "two digits in front", line("GET / HTTP/11.1"), errVersion},
	{"9112 2.3", "a version of letters", line("GET / HTTP/a.b"), errVersion},
	{"9112 2.3", "another protocol", line("GET / RTSP/1.0"), errVersion},
	{"9110 2.5", "HTTP/0.9", line("GET / HTTP/0.9"), errVersionOther},
	{"9112 3", "no version, as in HTTP/0.9", "GET /\r\n", errVersionNone},
	{"9112 3", "no version, with fields", "GET /\r\nHost: h\r\n\r\n", errVersionNone},
	{"9112 3", "no version after a long target", line("GET /subscribe?ns=/pets"), errVersionNone},
	{"9112 3", "no version after an absolute URI", line("GET http://x/"), errVersionNone},
	{"9112 3", "no target", line("GET HTTP/1.1"), errTargetNone},
	{"9112 3", "no target in 1.0", line("GET HTTP/1.0"), errTargetNone},
	{"9112 3", "no target, of another method", line("BREW HTTP/1.1"), errTargetNone},
	{"9112 3", "no target and no version", line("GET"), errMethod},
	{"9112 3", "a space for the target", line("GET  HTTP/1.1"), errTarget},
	{"9110 2.5", "HTTP/2.0", line("GET / HTTP/2.0"), errVersionOther},
	{"9110 2.5", "HTTP/3.0", line("GET / HTTP/3.0"), errVersionOther},
	{"9113 3.4", "the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", errHTTP2},

	{"9112 3", "two spaces after the method", line("GET  / HTTP/1.1"), errTarget},
	{"9112 3", "two spaces after the target", line("GET /  HTTP/1.1"), errVersion},
	{"9112 3", "a space in the target", line("GET /a b HTTP/1.1"), errVersion},
	{"9112 3", "a space after the version", line("GET / HTTP/1.1 "), errVersion},
	{"9112 3", "a tab for the space", line("GET\t/ HTTP/1.1"), errMethod},
	{"9112 3", "a tab after the target", line("GET /\tHTTP/1.1"), errTarget},
	{"9112 3", "a method alone", "GET\r\n\r\n", errMethod},
	{"9112 3", "no method", " / HTTP/1.1\r\n\r\n", errMethod},
	{"9112 3", "no target", "GET \r\n\r\n", errTarget},
	{"9112 3", "a target one byte too long", line("GET /" + strings.Repeat("a", DefaultHeadBytesMax-len("GET /")) + " HTTP/1.1"), errTargetTooLong},
	{"9112 3", "a target that fits, without its version", line("GET /" + strings.Repeat("a", DefaultHeadBytesMax-len("GET / ")) + " HTTP/1.1"), errHeadTooLarge},
	{"6585 5", "a target that fits, without the fields", line("GET /" + strings.Repeat("a", longTarget) + " HTTP/1.1"), errHeadTooLarge},
	{"9112 3", "a method one byte too long", line(strings.Repeat("M", methodBytesMax+1) + " / HTTP/1.1"), errMethodTooLong},
	{"9112 3.1", "a method that is no token", line("GE(T / HTTP/1.1"), errMethod},
	{"9112 3.1", "NUL in the method", line("G\x00T / HTTP/1.1"), errMethod},
	{"9112 3.1", "a letter beyond ASCII in the method", line("GÉT / HTTP/1.1"), errMethod},

	{"9112 3.2", "NUL in the target", line("GET /\x00 HTTP/1.1"), errTarget},
	{"9112 3.2", "DEL in the target", line("GET /\x7f HTTP/1.1"), errTarget},
	{"9112 3.2", "a fragment", line("GET /a#b HTTP/1.1"), errFragment},
	{"9112 3.2.1", "a path without its slash", line("GET a HTTP/1.1"), errTargetForm},
	{"9112 3.2.1", "a query alone", line("GET ?a HTTP/1.1"), errTargetForm},
	{"9112 3.2.2", "another scheme", line("GET ftp://x/ HTTP/1.1"), errTargetForm},
	{"9112 3.2.2", "a scheme without an authority", line("GET http:/x HTTP/1.1"), errTargetForm},
	{"9112 3.2.2", "an absolute URI does not replace Host", "GET http://x/ HTTP/1.1\r\n\r\n", errHostMissing},
	{"9112 3.2.2", "an outranked Host must be valid", "GET http://x/ HTTP/1.1\r\nHost: a b\r\n\r\n", errHostInvalid},
	{"9110 4.2.1", "an empty host", line("GET http:///a HTTP/1.1"), errAuthority},
	{"9110 4.2.1", "a port without a host", line("GET http://:80/a HTTP/1.1"), errAuthority},
	{"9110 4.2.4", "user information", line("GET http://u:p@x/ HTTP/1.1"), errAuthority},
	{"9112 3.2.3", "authority-form", line("GET x:80 HTTP/1.1"), errTargetForm},
	{"9110 9.3.6", "CONNECT", line("CONNECT x:80 HTTP/1.1"), errConnect},
	{"9112 3.2.4", "asterisk-form on a GET", line("GET * HTTP/1.1"), errAsterisk},
	{"9112 3.2.4", "more than an asterisk", line("OPTIONS *a HTTP/1.1"), errTargetForm},

	{"9112 3.2", "no Host in 1.1", "GET / HTTP/1.1\r\nA: b\r\n\r\n", errHostMissing},
	{"9112 3.2", "no Host in 1.2", "GET / HTTP/1.2\r\n\r\n", errHostMissing},
	{"9112 3.2", "two Hosts", with("Host: g"), errHostTwice},
	{"9112 3.2", "two Hosts that agree", with("host: h"), errHostTwice},
	{"9112 3.2", "two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", errHostTwice},
	{"9110 7.2", "two hosts in one", host("a, b"), errHostInvalid},
	{"9110 7.2", "a path in Host", host("a/b"), errHostInvalid},
	{"9110 7.2", "a scheme in Host", host("http://a"), errHostInvalid},
	{"9110 7.2", "user information in Host", host("u@a"), errHostInvalid},
	{"9110 7.2", "a port of letters", host("a:http"), errHostInvalid},
	{"9110 7.2", "IPv6 without brackets", host("::1"), errHostInvalid},
	{"9110 7.2", "an open bracket", host("[::1"), errHostInvalid},
	{"9110 7.2", "empty brackets", host("[]"), errHostInvalid},
	{"9110 7.2", "something behind the bracket", host("[::1]a"), errHostInvalid},
	{"9110 7.2", "letters that are no IPv6", host("[v1.x]"), errHostInvalid},
	{"3986 2.1", "a bad triplet in Host", host("a%2"), errHostInvalid},
	{"3986 3.2.2", "letters beyond ASCII in Host", host("käse"), errHostInvalid},

	{"9112 5", "a line without a colon", with("A"), errFieldName},
	{"9112 5", "a line without a name", with(": b"), errFieldName},
	{"9112 5.1", "a space before the colon", with("A : b"), errFieldSpace},
	{"9112 5.1", "a tab before the colon", with("A\t: b"), errFieldSpace},
	{"9112 5.1", "a space in the name", with("A B: c"), errFieldSpace},
	{"9112 5.1", "a space before Transfer-Encoding's colon", with("Transfer-Encoding : chunked"), errFieldSpace},
	{"9112 5.2", "a folded line", with("A: b", " c"), errFold},
	{"9112 5.2", "a line folded with a tab", with("A: b", "\tc"), errFold},
	{"9112 5.2", "a folded line that is empty", with("A: b", " "), errFold},
	{"9110 5.1", "NUL in a name", with("A\x00: b"), errFieldName},
	{"9110 5.1", "a quote in a name", with("\"A\": b"), errFieldName},
	{"9110 5.1", "a letter beyond ASCII in a name", with("Ä: b"), errFieldName},
	{"9110 5.4", "one field too many", many(FieldsMax), errTooManyFields},
	{"6585 5", "a head one byte too large", with("A:" + strings.Repeat("b", DefaultHeadBytesMax+1-len(with("A:")))), errHeadTooLarge},
	{"6585 5", "a name that never ends", "GET / HTTP/1.1\r\n" + strings.Repeat("A", DefaultHeadBytesMax), errHeadTooLarge},
	{"9110 5.5", "NUL in a value", with("A: b\x00c"), errFieldValue},
	{"9110 5.5", "DEL in a value", with("A: b\x7f"), errFieldValue},
	{"9110 5.5", "another control character in a value", with("A: \x1b[2J"), errFieldValue},

	{"9112 6.3", "a length of letters", with("Content-Length: five"), errLength},
	{"9112 6.3", "an empty length", with("Content-Length:"), errLength},
	{"9112 6.3", "a negative length", with("Content-Length: -5"), errLength},
	{"9112 6.3", "a signed length", with("Content-Length: +5"), errLength},
	{"9112 6.3", "a hexadecimal length", with("Content-Length: 0x5"), errLength},
	{"9112 6.3", "a length in two words", with("Content-Length: 1 0"), errLength},
	{"9110 8.6", "a length that overflows", with("Content-Length: 9223372036854775808"), errLength},
	{"9110 8.6", "a length that wraps around to 5", with("Content-Length: 18446744073709551621"), errLength},
	{"9110 8.6", "a list of lengths", with("Content-Length: 5, 5"), errLength},
	{"9112 6.3", "lengths that differ", with("Content-Length: 5", "Content-Length: 6"), errLengthTwice},
	{"9110 8.6", "lengths that agree", with("Content-Length: 5", "Content-Length: 5"), errLengthTwice},
	{"9112 6.1", "a coding we do not understand", with("Transfer-Encoding: gzip"), errCodingUnknown},
	{"9112 6.1", "one before chunked", with("Transfer-Encoding: gzip, chunked"), errCodingUnknown},
	{"9112 6.1", "two codings on separate lines", with("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"), errCodingUnknown},
	{"9112 6.1", "almost chunked", with("Transfer-Encoding: xchunked"), errCodingUnknown},
	{"9112 6.1", "chunked with a vertical tab", with("Transfer-Encoding: \vchunked"), errFieldValue},
	{"9112 7", "chunked with a parameter", with("Transfer-Encoding: chunked;a=b"), errCodingUnknown},
	{"9112 6.3", "chunked is not the last", with("Transfer-Encoding: chunked, gzip"), errCodingOrder},
	{"9112 6.3", "chunked is not the last line", with("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), errCodingOrder},
	{"9112 6.1", "chunked twice", with("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), errCodingOrder},
	{"9112 6.3", "no coding at all", with("Transfer-Encoding:"), errCodingOrder},
	{"9112 6.1", "a coding in 1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", errCodingOld},
	{"9112 6.3", "a length, then a coding", with("Content-Length: 5", "Transfer-Encoding: chunked"), errLengthAndCoded},
	{"9112 6.3", "a coding, then a length", with("Transfer-Encoding: chunked", "Content-Length: 5"), errLengthAndCoded},

	{"8446 5.1", "a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", errTLS},
	{"8446 5.1", "only the beginning of one", "\x16\x03", errTLS},
	{"8446 5.1", "a first byte as if it were one", "\x16\x04", errMethod},
	{"line protocol", "PUB", "PUB /pets - woof\n", errLineProtocol},
	{"line protocol", "PUB in CRLF", "PUB /pets - woof\r\n", errLineProtocol},
	{"line protocol", "PUB without a slash", "PUB pets - woof\n", errLineProtocol},
	{"line protocol", "PUB after an empty line", "\r\nPUB /pets - woof\n", errLineProtocol},
	{"line protocol", "PUBN", "PUBN / greeting 5\nhello\n", errLineProtocol},
	{"line protocol", "KEY", "KEY order-1\n", errLineProtocol},
	{"line protocol", "AUTH", "AUTH some-token\nPUB / - x\n", errLineProtocol},
	{"line protocol", "AUTH in CRLF", "AUTH some-token\r\n", errLineProtocol},
	{"line protocol", "PING", "PING\n", errLineProtocol},
	{"line protocol", "PING in CRLF", "PING\r\n", errLineProtocol},
	{"line protocol", "QUIET", "QUIET on\n", errLineProtocol},
	{"line protocol", "QUIT", "QUIT\n", errLineProtocol},
	{"line protocol", "a longer word", "PUBLISH /pets - woof\n", errVersion},
	{"line protocol", "lower case", "pub /pets - woof\n", errVersion},
	{"PROXY 2.1", "version 1, TCP4", "PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\n" + with(), errProxy},
	{"PROXY 2.1", "version 1, TCP6", "PROXY TCP6 ::1 ::1 5 80\r\n" + with(), errProxy},
	{"PROXY 2.1", "version 1, unknown", "PROXY UNKNOWN\r\n" + with(), errProxy},
	{"PROXY 2.2", "version 2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", errProxy},
	{"PROXY 2.2", "almost version 2", "\r\n\r\n\x00\r\nQUIET\n", errMethod},
	{"other protocols", "SSH", "SSH-2.0-OpenSSH_10.0\r\n", errMethod},
	{"other protocols", "Redis", "*1\r\n$4\r\nPING\r\n", errMethod},
	{"other protocols", "random bytes", "\xff\xfe\x00", errMethod},
}

// TestRefuse checks that the parser refuses every row of refuseTable, with the expected reason.
func TestRefuse(t *testing.T) {
	for _, row := range refuseTable {
		var p Parser
		var req Request
		n, err := p.Parse([]byte(row.input), &req)
		var got *Refusal
		if !errors.As(err, &got) || got != row.want || n != 0 {
			t.Errorf("%s: %s: %d, %v, want %v", row.section, row.what, n, err, row.want)
		}
	}
}

// TestRefuseEarly checks that a refusal comes at the first byte that makes the request invalid.
func TestRefuseEarly(t *testing.T) {
	for _, row := range []struct {
		what, input string
		want        *Refusal
	}{
		{"garbage", "\xff", errMethod},
		{"TLS", "\x16\x03", errTLS},
		{"LF", "\n", errBareLF},
		{"PROXY version 1", "PROXY TCP", errProxy},
		{"the line protocol", "PUB /pets -", errLineProtocol},
		{"HTTP/2", "PRI * HTTP/2.0", errHTTP2},
		{"method too long", strings.Repeat("M", methodBytesMax+1), errMethodTooLong},
		{"CONNECT", "CONNECT ", errConnect},
		{"target too long", "GET /" + strings.Repeat("a", DefaultHeadBytesMax-len("GET /")), errTargetTooLong},
		{"fragment", "GET /#", errFragment},
		{"version", "GET / X", errVersion},
		{"another version", "GET / HTTP/2.0", errVersionOther},
		{"NUL in a value", "GET / HTTP/1.1\r\nA: \x00", errFieldValue},
		{"fold", "GET / HTTP/1.1\r\nA: b\r\n ", errFold},
		{"head too large", "GET / HTTP/1.1\r\nA: " + strings.Repeat("b", DefaultHeadBytesMax-19), errHeadTooLarge},
	} {
		var p Parser
		var req Request
		if _, err := p.Parse([]byte(row.input), &req); err != row.want {
			t.Errorf("%s: %v", row.what, err)
		}
		if n, err := p.Parse([]byte(row.input[:len(row.input)-1]), &req); n != 0 || err != nil {
			t.Errorf("%s, without the last byte: %d, %v; want no error yet", row.what, n, err)
		}
	}
}

// TestHeadBytesMax checks heads at the limit and above it.
func TestHeadBytesMax(t *testing.T) {
	head := []byte(with())
	var req Request
	exact, small := Parser{HeadBytesMax: len(head)}, Parser{HeadBytesMax: len(head) - 1}
	if n, err := exact.Parse(append(head, "body"...), &req); n != len(head) || err != nil {
		t.Errorf("a head as large as allowed: %d, %v", n, err)
	}
	if _, err := small.Parse(head, &req); err != errHeadTooLarge {
		t.Errorf("one byte more: %v", err)
	}
	target := Parser{HeadBytesMax: len("GET /")}
	if _, err := target.Parse(head, &req); err != errTargetTooLong {
		t.Errorf("a target that reaches the limit: %v", err)
	}
	if _, err := (&Parser{HeadBytesMax: len("GE")}).Parse(head, &req); err != errHeadTooLarge {
		t.Errorf("a method that reaches the limit: %v", err)
	}
}

// TestReasons checks that each reason is one printable line with a valid status, and that a limit
// in a reason is correct. Reasons are sent as bodies and logged.
func TestReasons(t *testing.T) {
	allowed := map[int]bool{400: true, 414: true, 431: true, 501: true, 505: true}
	for _, row := range refuseTable {
		r := row.want
		if !allowed[r.Status] {
			t.Errorf("%q has the status %d", r.Reason, r.Status)
		}
		if r.Error() != r.Reason || len(r.Reason) < 10 || strings.ContainsFunc(r.Reason, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%q is not a line of printable text", r.Reason)
		}
	}
	if !strings.Contains(errTooManyFields.Reason, strconv.Itoa(FieldsMax)) {
		t.Error("errTooManyFields does not contain FieldsMax")
	}
}
