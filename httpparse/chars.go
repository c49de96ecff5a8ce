package httpparse

// A class is a set of bytes that the grammar names; classes are bits, so that
// one table of 256 bytes answers for all of them.
type class uint8

const (
	tokenChar  class = 1 << iota // tchar: methods, field names (RFC 9110 section 5.6.2)
	targetChar                   // what a request target may hold here
	valueChar                    // field-vchar, SP and HTAB (RFC 9110 section 5.5)
	hostChar                     // unreserved, sub-delims and "%" (RFC 3986 section 3.2.2)
	ipv6Char                     // what stands between "[" and "]"
	digitChar
)

var classes = classify()

// classify builds the table once, at start, from the grammar's own words.
func classify() (t [256]class) {
	add := func(c class, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= c
		}
	}
	const digits = "0123456789"
	const hex = digits + "abcdefABCDEF"
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

	add(tokenChar, letters+digits+"!#$%&'*+-.^_`|~")
	add(hostChar, letters+digits+"-._~"+"!$&'()*+,;="+"%")
	add(ipv6Char, hex+":.")
	add(digitChar, digits)
	add(valueChar, " \t")
	for b := 0x21; b <= 0xff; b++ {
		if b != 0x7f {
			t[b] |= valueChar | targetChar
		}
	}
	// RFC 3986 allows fewer than all visible characters in a target, but
	// browsers send | { } ^ and [ ] in queries, and curl sends UTF-8 as typed.
	// No two readers disagree about where such a target ends.
	t['#'] &^= targetChar
	return t
}

// span returns the first index from i on whose byte is not of class c, or len(b).
func span(b []byte, i int, c class) int {
	for i < len(b) && classes[b[i]]&c != 0 {
		i++
	}
	return i
}

// all says whether every byte of b is of class c.
func all(b []byte, c class) bool { return span(b, 0, c) == len(b) }

// equalFold compares two ASCII strings, letters in any case. The length is
// looked at first and in place, for it settles nearly every comparison.
func equalFold(b []byte, s string) bool { return len(b) == len(s) && equalFoldSameLen(b, s) }

func equalFoldSameLen(b []byte, s string) bool {
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
