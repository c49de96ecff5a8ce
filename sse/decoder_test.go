package sse

import (
	"strings"
	"unicode/utf8"
)

// An event is what a browser would dispatch.
type event struct {
	name, data, lastEventID string
}

// decode is a small decoder written after HTML section 9.2.6, "Interpreting an
// event stream", for a whole stream at once. It knows nothing of the encoder.
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

// cutLine splits at the first CRLF, LF or CR, as the grammar of 9.2.5 has it.
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

func toValidUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return []byte(strings.ToValidUTF8(string(b), "\uFFFD"))
}

// normalLines is what a client sees of line breaks: there is only LF.
func normalLines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
