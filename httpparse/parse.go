package httpparse

import "bytes"

// DefaultHeadBytesMax is the default limit for the length of a head, including empty lines before
// it and the blank line after it. The longest heads of normal clients have large cookies. Browsers
// limit a cookie to 4 KiB.
const DefaultHeadBytesMax = 16 << 10

const (
	// RFC 9112 section 2.2 recommends ignoring one empty line. A second one is needed for the PROXY
	// protocol. Version 2 begins with two empty lines, and only the byte after them distinguishes
	// it from garbage.
	emptyLinesMax = 2

	// eagerBytes is the length up to which a head is parsed at every call, even if only a few bytes
	// are new. It is enough to detect a method that is too long, or another protocol.
	eagerBytes = 64

	// stepBytes limits how late an invalid byte is detected in a line that does not end. If
	// HeadBytesMax is more than 16 KiB, the steps are longer, so that their number is limited, too.
	// A single target can be as long as the head.
	stepBytes = 1 << 10
	stepsMax  = 16
)

// A Parser holds the limits. It has no state, so all connections can share one.
type Parser struct {
	HeadBytesMax int // 0 means DefaultHeadBytesMax
}

// Parse parses one request head at the beginning of buf, which must contain all bytes received so
// far.
//
//	n > 0            the head is complete and has n bytes; req is filled, its slices point into buf
//	n == 0, err nil  more bytes are needed
//	err != nil       a *Refusal
//
// Bytes after the head (a body or a pipelined request) are ignored. Parse always starts from the
// beginning. If a head arrives in many pieces, [Parser.Reparse] avoids repeated work.
func (p *Parser) Parse(buf []byte, req *Request) (n int, err error) {
	return p.Reparse(buf, 0, req)
}

// Reparse does the same as Parse, for a buffer whose first seen bytes were already passed to an
// earlier call that needed more bytes. The final result is the same, but for a head that arrives
// byte by byte the cost is linear in its length.
//
// Reparse parses only if the result can change: within the first 64 bytes, after the end of a line,
// and after each further KiB, or each further sixteenth of the limit if that is more. The number of
// lines is limited as well, so the head is parsed about 150 times at most, regardless of how it is
// split. All other calls only search the new bytes for a line end. An invalid line is refused when
// it ends, not only after the blank line.
//
// seen must not exceed len(buf). 0 is always valid.
func (p *Parser) Reparse(buf []byte, seen int, req *Request) (n int, err error) {
	limit := p.HeadBytesMax
	if limit <= 0 {
		limit = DefaultHeadBytesMax
	}
	// The parser ignores bytes beyond the limit, so the result does not depend on how many bytes
	// arrive together.
	head := buf[:min(len(buf), limit)]
	if len(head) < limit && !worthParsing(head, seen, limit) {
		return 0, nil
	}
	n, r := req.parse(head)
	switch {
	case r == nil:
		return n, nil
	case r != more:
		return 0, r
	case len(head) == limit && req.Method != nil && req.Target == nil:
		return 0, errTargetTooLong // the target alone reaches the limit
	case len(head) == limit:
		return 0, errHeadTooLarge
	}
	return 0, nil
}

// worthParsing reports whether the bytes after seen can change the result of an earlier call. A
// head ends in LF, so it cannot be complete without a new one.
func worthParsing(head []byte, seen, limit int) bool {
	step := max(stepBytes, limit/stepsMax)
	return seen < eagerBytes ||
		seen/step != len(head)/step ||
		bytes.IndexByte(head[seen:], '\n') >= 0
}

// parse processes the head in the order of the grammar (RFC 9112 section 2.1). Each step gets the
// index at which it begins and returns the index at which it ends.
func (req *Request) parse(b []byte) (int, *Refusal) {
	req.reset()
	if r := foreign(b); r != nil {
		return 0, r
	}
	i, r := skipEmptyLines(b)
	if r != nil {
		return 0, r
	}
	line := b[i:]
	if i, r = req.parseLine(b, i); r != nil {
		return 0, lineProtocolOr(r, line)
	}
	if i, r = req.parseFields(b, i); r != nil {
		return 0, r
	}
	if req.Minor >= 1 && !req.hasHost {
		return 0, errHostMissing // RFC 9112 section 3.2
	}
	return i, nil
}

// foreignProtocols are protocols that clients send to HTTP ports by mistake, with their first
// bytes.
var foreignProtocols = [...]struct {
	start   string
	refusal *Refusal
}{
	{"\x16\x03", errTLS}, // a handshake record of any TLS version (RFC 8446 section 5.1)
	{"\r\n\r\n\x00\r\nQUIT\n", errProxy},
	{"PROXY TCP", errProxy},
	{"PROXY UNKNOWN", errProxy},
	{"PRI * HTTP/2.0", errHTTP2}, // RFC 9113 section 3.4
}

// foreign returns a refusal if b begins with a foreign protocol. If b is a prefix of the start of a
// foreign protocol, it returns more, even if b is already invalid HTTP, so that the client gets the
// more specific refusal.
func foreign(b []byte) *Refusal {
	for i := range foreignProtocols {
		s := &foreignProtocols[i]
		n := min(len(b), len(s.start))
		switch {
		case string(b[:n]) != s.start[:n]:
			continue
		case n == len(s.start):
			return s.refusal
		}
		return more
	}
	return nil
}

// lineProtocolOr returns errLineProtocol if line, which parseLine refused with r, begins with a
// command of ssed's line protocol. Otherwise it returns r. foreign cannot detect these commands,
// because their names are valid methods.
func lineProtocolOr(r *Refusal, line []byte) *Refusal {
	if r == more {
		return r
	}
	word := line[:max(0, bytes.IndexAny(line, " \r\n"))]
	switch string(word) {
	case "PUB", "PUBN", "KEY", "AUTH", "PING", "QUIET", "QUIT":
		return errLineProtocol
	}
	return r
}

// skipEmptyLines returns the index of the request line.
func skipEmptyLines(b []byte) (i int, r *Refusal) {
	for range emptyLinesMax {
		if i == len(b) || b[i] != '\r' {
			return i, nil
		}
		if i, r = lineEnd(b, i, nil); r != nil {
			return 0, r
		}
	}
	if i < len(b) && b[i] == '\r' {
		return 0, errEmptyLines
	}
	return i, nil
}

// lineEnd skips the CRLF at i. If there is another byte at i, it returns the refusal otherwise.
//
// RFC 9112 section 2.2 permits accepting a lone LF as a line end. This parser does not: requests
// can be smuggled if a proxy in front of the server sees one line and the server sees two. A bare
// CR is not a line end either.
func lineEnd(b []byte, i int, otherwise *Refusal) (int, *Refusal) {
	switch {
	case i == len(b):
		return 0, more
	case b[i] == '\n':
		return 0, errBareLF
	case b[i] != '\r':
		return 0, otherwise
	case i+1 == len(b):
		return 0, more
	case b[i+1] != '\n':
		return 0, errBareCR
	}
	return i + 2, nil
}
