package sse

import (
	"strings"
	"unicode/utf8"
)

// An event is an event that a browser would dispatch.
type event struct {
	name, data, lastEventID string
}

// decode is a small decoder for a complete stream, written after HTML section 9.2.6, "Interpreting
// an event stream". It shares no code with the encoder.
func decode(stream []byte) (events []event) {
	text := strings.TrimPrefix(string(toValidUTF8(stream)), "\uFEFF")
	var data, name, id string
	for {
		line, rest, ok := cutLine(text)
		if !ok {
			return events // an unfinished block is discarded
		}
		text = rest
		if line == "" {
			if data != "" {
				kind := name
				if kind == "" {
					kind = "message"
				}
				events = append(events, event{kind, strings.TrimSuffix(data, "\n"), id})
			}
			data, name = "", ""
			continue
		}
		field, value, colon := strings.Cut(line, ":")
		if colon && field == "" {
			continue // a comment
		}
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data += value + "\n"
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		}
	}
}

// cutLine splits text at the first CRLF, LF or CR, following the grammar of section 9.2.5.
func cutLine(text string) (line, rest string, ok bool) {
	i := strings.IndexAny(text, "\r\n")
	if i < 0 {
		return "", "", false
	}
	if strings.HasPrefix(text[i:], "\r\n") {
		return text[:i], text[i+2:], true
	}
	return text[:i], text[i+1:], true
}

// toValidUTF8 implements the "UTF-8 decoder" of the Encoding Standard, step by step.
func toValidUTF8(b []byte) []byte {
	var out []rune
	var r rune
	needed, lower, upper := 0, byte(0x80), byte(0xBF)
	for i := 0; i < len(b); i++ {
		c := b[i]
		if needed > 0 {
			if c < lower || c > upper {
				out = append(out, utf8.RuneError)
				i-- // process this byte again
				needed = 0
			} else if r, needed = r<<6|rune(c&0x3F), needed-1; needed == 0 {
				out = append(out, r)
			}
			lower, upper = 0x80, 0xBF
			continue
		}
		switch {
		case c < 0x80:
			out = append(out, rune(c))
		case c >= 0xC2 && c <= 0xDF:
			needed, r = 1, rune(c&0x1F)
		case c >= 0xE0 && c <= 0xEF:
			needed, r = 2, rune(c&0x0F)
		case c >= 0xF0 && c <= 0xF4:
			needed, r = 3, rune(c&0x07)
		default:
			out = append(out, utf8.RuneError)
		}
		switch c {
		case 0xE0:
			lower = 0xA0
		case 0xED:
			upper = 0x9F
		case 0xF0:
			lower = 0x90
		case 0xF4:
			upper = 0x8F
		}
	}
	if needed > 0 {
		out = append(out, utf8.RuneError)
	}
	return []byte(string(out))
}

// normalLines replaces CRLF and CR by LF, as clients do.
func normalLines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
