package httpparse

import "bytes"

// AppendUnescaped appends src, a raw path or a part of it, to dst. It decodes each percent-encoded
// triplet exactly once (RFC 3986 section 2.1): %2525 becomes %25. A plus stays a plus. The result
// may be invalid UTF-8; the caller must check it after decoding, not before.
//
// An invalid triplet and %00 are refused with status 400, and dst is returned unchanged. To decode
// src in place, pass dst = src[:0]. After a refusal, the content of src is then undefined.
func AppendUnescaped(dst, src []byte) ([]byte, error) {
	return appendUnescaped(dst, src, '+')
}

// AppendUnescapedQuery does the same as AppendUnescaped for a key or a value of [NextPair], in
// which browsers encode a space as a plus (URL Standard, application/x-www-form-urlencoded).
func AppendUnescapedQuery(dst, src []byte) ([]byte, error) {
	return appendUnescaped(dst, src, ' ')
}

func appendUnescaped(dst, src []byte, plus byte) ([]byte, error) {
	out := dst
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch c {
		case '+':
			c = plus
		case '%':
			var ok bool
			if c, ok = triplet(src[i:]); !ok {
				return dst, errTriplet
			}
			if c == 0 {
				return dst, errNUL
			}
			i += 2
		}
		out = append(out, c)
	}
	return out, nil
}

// triplet decodes the "%XX" at the beginning of b.
func triplet(b []byte) (c byte, ok bool) {
	if len(b) < 3 {
		return 0, false
	}
	hi, lo := unhex(b[1]), unhex(b[2])
	return hi<<4 | lo, hi < 16 && lo < 16
}

// unhex returns the value of a hexadecimal digit, or 255.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// validEscapes reports whether each "%" in b begins a valid triplet.
func validEscapes(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return true
		}
		if _, ok := triplet(b[i:]); !ok {
			return false
		}
		b = b[i+3:]
	}
}

// NextPair splits the first key=value pair from a raw query. Key and value are still encoded: see
// [AppendUnescapedQuery]. A pair without "=" is a key with a nil value. Empty pairs, as between two
// ampersands, are skipped. If only empty pairs are left, the key is empty. To parse a query without
// allocations:
//
//	for rest := req.Query; len(rest) > 0; {
//		key, value, rest = NextPair(rest)
//		...
//	}
func NextPair(query []byte) (key, value, rest []byte) {
	for len(query) > 0 && query[0] == '&' {
		query = query[1:]
	}
	pair, rest, _ := bytes.Cut(query, []byte("&"))
	key, value, _ = bytes.Cut(pair, []byte("="))
	return key, value, rest
}
