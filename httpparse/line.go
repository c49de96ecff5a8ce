package httpparse

import "bytes"

// methodBytesMax is more than the length of every registered method. The longest,
// UPDATEREDIRECTREF, has 17 bytes.
const methodBytesMax = 32

// parseLine parses method SP request-target SP HTTP-version CRLF (RFC 9112 section 3). Only single
// spaces are accepted. The RFC permits splitting at any whitespace, but warns of the security
// risks.
func (req *Request) parseLine(b []byte, i int) (int, *Refusal) {
	i, r := req.parseMethod(b, i)
	if r != nil {
		return 0, r
	}
	if i, r = req.parseTarget(b, i); r != nil {
		return 0, r
	}
	return req.parseVersion(b, i)
}

// parseMethod accepts any token, because the caller decides which methods exist. Only CONNECT is
// refused: its target has a special form (authority-form, RFC 9112 section 3.2.3) that the rest of
// the package does not handle.
func (req *Request) parseMethod(b []byte, i int) (int, *Refusal) {
	end := span(b[:min(len(b), i+methodBytesMax+1)], i, tokenChar)
	switch {
	case end-i > methodBytesMax:
		return 0, errMethodTooLong
	case end == len(b):
		return 0, more
	case b[end] == '\n':
		return 0, errBareLF
	case b[end] != ' ' || end == i:
		return 0, errMethod
	}
	req.Method = b[i:end]
	if string(req.Method) == "CONNECT" {
		return 0, errConnect
	}
	return end + 1, nil
}

// parseTarget has no separate limit: a target may be as long as the limit of the whole head allows.
// RFC 9112 section 3 recommends at least 8000 bytes.
func (req *Request) parseTarget(b []byte, i int) (int, *Refusal) {
	end := span(b, i, targetChar)
	switch {
	case end == len(b):
		return 0, more
	case end == i:
		return 0, errTarget
	case b[end] != ' ':
		return 0, targetStop(b, i, end)
	}
	req.Target = b[i:end]
	return end + 1, req.splitTarget()
}

// targetStop returns the refusal for the byte at i, which can neither belong to the target that
// begins at start nor end it. If the line ends at i, it has no version, as in HTTP/0.9, or no
// target. RFC 9112 section 3 requires 400 for both.
func targetStop(b []byte, start, i int) *Refusal {
	if b[i] == '#' {
		return errFragment
	}
	_, r := lineEnd(b, i, errTarget)
	switch {
	case r != nil:
		return r
	case bytes.HasPrefix(b[start:i], []byte("HTTP/")):
		return errTargetNone
	}
	return errVersionNone
}

// parseVersion accepts every HTTP/1.x. A later minor version is treated as 1.1 (RFC 9110 section
// 2.5). Another major version is refused.
func (req *Request) parseVersion(b []byte, i int) (int, *Refusal) {
	const name, size = "HTTP/", len("HTTP/1.1")
	v := b[i:]
	n := min(len(v), len(name))
	switch {
	case string(v[:n]) != name[:n]:
		return 0, errVersion
	case len(v) < size:
		return 0, more
	case !isDigit(v[5]) || v[6] != '.' || !isDigit(v[7]):
		return 0, errVersion
	case v[5] != '1':
		return 0, errVersionOther
	}
	req.Minor = min(int(v[7]-'0'), 1)
	return lineEnd(b, i+size, errVersion)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
