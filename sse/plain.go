package sse

import "encoding/binary"

// plainBytesMax is the maximum length of data that plain checks, in bytes. For longer data, the
// vector code of the standard library is faster; it needs a few nanoseconds to start.
const plainBytesMax = 256

// plain reports whether a cheap test shows that data is valid UTF-8 and a single line. It returns
// true if data is short, all ASCII, and has no control character up to CR, like most messages.
//
// It reads words of eight bytes. A word passes if no byte has its highest bit set, neither before
// nor after CR+1 is subtracted from every byte.
func plain(data []byte) bool {
	const (
		each    = 0x0101010101010101
		afterCR = each * ('\r' + 1)
		highest = each << 7
	)
	if len(data) > plainBytesMax {
		return false
	}
	for ; len(data) >= 32; data = data[32:] {
		a, b, c, d := word(data), word(data[8:]), word(data[16:]), word(data[24:])
		if (a|b|c|d|(a-afterCR)|(b-afterCR)|(c-afterCR)|(d-afterCR))&highest != 0 {
			return false
		}
	}
	for ; len(data) >= 8; data = data[8:] {
		if a := word(data); (a|(a-afterCR))&highest != 0 {
			return false
		}
	}
	for _, c := range data {
		if c <= '\r' || c >= 0x80 {
			return false
		}
	}
	return true
}

// word returns the first eight bytes of b as a number.
func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
