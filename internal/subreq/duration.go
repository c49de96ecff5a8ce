package subreq

import "math"

// units of a duration, in nanoseconds. The two micro signs are U+00B5 and U+03BC.
var units = map[string]uint64{
	"ns": 1,
	"us": 1e3,
	"µs": 1e3,
	"μs": 1e3,
	"ms": 1e6,
	"s":  1e9,
	"m":  60e9,
	"h":  3600e9,
}

// parseDuration reads a duration as time.ParseDuration does, which a room without
// a clock does not import: a sign, and numbers with units, such as 1h30m or 1.5s. Zero
// needs no unit. ok is false for anything else, and for what 63 bits cannot hold.
func parseDuration(text []byte) (nanos int64, ok bool) {
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative, text = text[0] == '-', text[1:]
	}
	if string(text) == "0" {
		return 0, true
	}
	if len(text) == 0 {
		return 0, false
	}
	var sum uint64
	for len(text) > 0 {
		var part uint64
		if part, text, ok = durationPart(text); !ok {
			return 0, false
		}
		if sum += part; sum > 1<<63 {
			return 0, false
		}
	}
	switch {
	case negative:
		return -int64(sum), true
	case sum > math.MaxInt64:
		return 0, false
	}
	return int64(sum), true
}

// durationPart reads one number and its unit.
func durationPart(text []byte) (nanos uint64, rest []byte, ok bool) {
	whole, n, ok := leadingInt(text)
	if !ok {
		return 0, nil, false
	}
	text = text[n:]
	var fraction, scale float64
	digits := n
	if len(text) > 0 && text[0] == '.' {
		text = text[1:]
		fraction, scale, n = leadingFraction(text)
		text = text[n:]
		digits += n
	}
	end := 0
	for end < len(text) && text[end] != '.' && !isDigit(text[end]) {
		end++
	}
	unit, known := units[string(text[:end])]
	if digits == 0 || !known || whole > 1<<63/unit {
		return 0, nil, false
	}
	nanos = whole * unit
	if fraction > 0 {
		// A float64 is exact enough: fraction < scale, so the product is below the unit.
		nanos += uint64(fraction * (float64(unit) / scale))
	}
	return nanos, text[end:], nanos <= 1<<63
}

// leadingInt reads the digits that text begins with. ok is false on overflow.
func leadingInt(text []byte) (value uint64, n int, ok bool) {
	for n < len(text) && isDigit(text[n]) {
		if value > 1<<63/10 {
			return 0, 0, false
		}
		value = value*10 + uint64(text[n]-'0')
		if value > 1<<63 {
			return 0, 0, false
		}
		n++
	}
	return value, n, true
}

// leadingFraction reads the digits after a point as value/scale. Digits that do not
// fit are passed over: they are below a nanosecond.
func leadingFraction(text []byte) (value, scale float64, n int) {
	var digits uint64
	scale = 1
	overflow := false
	for ; n < len(text) && isDigit(text[n]); n++ {
		if overflow {
			continue
		}
		next := digits*10 + uint64(text[n]-'0')
		if digits > math.MaxInt64/10 || next > 1<<63 {
			overflow = true
			continue
		}
		digits, scale = next, scale*10
	}
	return float64(digits), scale, n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
