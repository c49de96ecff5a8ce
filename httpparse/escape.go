package httpparse

import "bytes"

// AppendUnescaped appends src, a raw path or a part of one, to dst, with each
// percent-encoded triplet decoded exactly once (RFC 3986 section 2.1): %2525
// becomes %25. A plus stays a plus. The result is bytes; whether they are
// UTF-8 is for their reader to check, after decoding and not before.
//
// A bad triplet and %00 are refused with 400, and dst is returned as it was.
// src may be decoded in place, with dst = src[:0]; a refusal leaves it spoilt.
func AppendUnescaped(dst, src []byte) ([]byte, error) {
	return appendUnescaped(dst, src, '+')
}

// AppendUnescapedQuery is AppendUnescaped for a key or a value of [NextPair],
// where browsers write a space as a plus (URL Standard,
// application/x-www-form-urlencoded).
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

// triplet decodes the "%XX" that b begins with.
func triplet(b []byte) (c byte, ok bool) {
	if len(b) < 3 {
		return 0, false
	}
	hi, lo := unhex(b[1]), unhex(b[2])
	return hi<<4 | lo, hi < 16 && lo < 16
}

// unhex returns a hexadecimal digit's value, or 255.
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

// validEscapes says whether each "%" in b begins a triplet.
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

// NextPair cuts the first key=value pair off a raw query. Key and value are
// still encoded ([AppendUnescapedQuery]); a pair without "=" is a key with a nil
// value. Empty pairs, as between two ampersands, are skipped; at the end of a
// query that leaves an empty key. So, without allocating:
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
