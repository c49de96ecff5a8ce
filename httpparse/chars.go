package httpparse

// A class is a set of bytes that the grammar defines. Each class is one bit, so that one table of
// 256 entries contains all classes.
type class uint8

const (
	tokenChar  class = 1 << iota // tchar: methods, field names (RFC 9110 section 5.6.2)
	targetChar                   // characters of a request target that this parser accepts
	valueChar                    // field-vchar, SP and HTAB (RFC 9110 section 5.5)
	hostChar                     // unreserved, sub-delims and "%" (RFC 3986 section 3.2.2)
	ipv6Char                     // characters between "[" and "]"
	digitChar
)

var classes = classify()

// classify builds the table at program start, from the character lists of the grammar.
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
	// RFC 3986 allows only some of the visible characters in a target. But browsers send | { } ^
	// and [ ] in queries, and curl sends UTF-8 as typed. These characters are safe, because all
	// parsers agree on where the target ends.
	t['#'] &^= targetChar
	return t
}

// span returns the index of the first byte at or after i that is not in class c, or len(b).
func span(b []byte, i int, c class) int {
	for i < len(b) && classes[b[i]]&c != 0 {
		i++
	}
	return i
}

// all reports whether every byte of b is in class c.
func all(b []byte, c class) bool { return span(b, 0, c) == len(b) }

// equalFold compares two ASCII strings without regard to case. It compares the lengths first, in a
// function that is small enough to be inlined, because nearly all comparisons end there.
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
