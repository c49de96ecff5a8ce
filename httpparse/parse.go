package httpparse

import "bytes"

// DefaultHeadBytesMax is the largest head that is read, empty lines before it
// and the blank line after it included. The longest heads of honest clients
// are those with fat cookies; browsers cap a cookie at 4 KiB.
const DefaultHeadBytesMax = 16 << 10

const (
	// RFC 9112 section 2.2 asks for one empty line to be ignored. The second is
	// for the PROXY protocol: version 2 begins with two, and can only be told
	// from garbage by the byte behind them.
	emptyLinesMax = 2

	// eagerBytes is how much of a head is parsed at every call, however few
	// bytes came: enough for an over-long method or a foreign protocol.
	eagerBytes = 64

	// stepBytes bounds how late a bad byte is noticed in a line that does not end. With
	// a limit of more than 16 KiB the steps are longer, so that there are no more of
	// them: a target alone may be as long as the head.
	stepBytes = 1 << 10
	stepsMax  = 16
)

// A Parser holds the limits. It has no state: one serves all connections.
type Parser struct {
	HeadBytesMax int // 0 means DefaultHeadBytesMax
}

// Parse reads one request head from the start of buf, which holds all bytes
// that came so far.
//
//	n > 0            the head is complete and took n bytes; req is filled, its slices point into buf
//	n == 0, err nil  more bytes are needed
//	err != nil       a *Refusal
//
// Bytes after the head (a body, a pipelined request) are not looked at.
// Parse reads from the start each time; where a head comes in many pieces,
// [Parser.Reparse] spares the repetition.
func (p *Parser) Parse(buf []byte, req *Request) (n int, err error) {
	return p.Reparse(buf, 0, req)
}

// Reparse is Parse for a caller who remembers that an earlier call saw the
// first seen bytes of buf and wanted more. It gives the same answer in the end,
// but a head that comes byte by byte costs time linear in its length.
//
// It parses only when that can change the answer: among the first 64 bytes,
// when a line ended, and each time another KiB came, or a sixteenth of the
// limit if that is more. The number of lines is limited as well, so however a
// head is cut, it is gone through at most some 150 times; all other calls look
// at the new bytes alone. So a bad line is refused when it ends, and not only
// after the blank line.
//
// seen must not be more than len(buf), and 0 is always right.
func (p *Parser) Reparse(buf []byte, seen int, req *Request) (n int, err error) {
	limit := p.HeadBytesMax
	if limit <= 0 {
		limit = DefaultHeadBytesMax
	}
	// What lies beyond the limit does not exist for the parser, and so cannot
	// make the answer depend on how much came at once.
	head := buf[:min(len(buf), limit)]
	if len(head) < limit && !promising(head, seen, limit) {
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

// promising says whether the bytes after seen can change what an earlier call
// said. A head ends in LF, so without a new one it cannot be complete.
func promising(head []byte, seen, limit int) bool {
	step := max(stepBytes, limit/stepsMax)
	return seen < eagerBytes ||
		seen/step != len(head)/step ||
		bytes.IndexByte(head[seen:], '\n') >= 0
}

// parse goes through the head in the order of the grammar (RFC 9112 section 2.1).
// Each step takes the index where it begins and returns the one where it ended.
func (req *Request) parse(b []byte) (int, *Refusal) {
	req.reset()
	if r := foreign(b); r != nil {
		return 0, r
	}
	i, r := skipEmptyLines(b)
	if r != nil {
		return 0, r
	}
	if i, r = req.parseLine(b, i); r != nil {
		return 0, r
	}
	if i, r = req.parseFields(b, i); r != nil {
		return 0, r
	}
	if req.Minor >= 1 && !req.hasHost {
		return 0, errHostMissing // RFC 9112 section 3.2
	}
	return i, nil
}

// strangers are protocols that turn up on HTTP ports, by how they begin.
var strangers = [...]struct {
	start   string
	refusal *Refusal
}{
	{"\x16\x03", errTLS}, // a handshake record of any TLS version (RFC 8446 section 5.1)
	{"\r\n\r\n\x00\r\nQUIT\n", errProxy},
	{"PROXY TCP", errProxy},
	{"PROXY UNKNOWN", errProxy},
	{"PRI * HTTP/2.0", errHTTP2}, // RFC 9113 section 3.4
}

// foreign recognizes a stranger. Input that may yet become one is "more", even
// where HTTP's own grammar could refuse it already: the better words win.
func foreign(b []byte) *Refusal {
	for i := range strangers {
		s := &strangers[i]
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

// skipEmptyLines returns where the request line begins.
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

// lineEnd steps over the CRLF at i. Any other byte there means otherwise.
//
// RFC 9112 section 2.2 lets a recipient take a lone LF for the end of a line.
// We do not: a proxy in front that sees one line where we see two is how
// requests are smuggled. A bare CR must not be taken for anything.
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
