package admin

import (
	"bytes"
	"encoding/json"
)

// rendered is a finished answer, which may be shared; not to be changed.
type rendered []byte

// render writes a value as JSON, indented as the ancestor's was.
func render(value any) rendered {
	var compact bytes.Buffer
	body := json.NewEncoder(&compact)
	body.SetEscapeHTML(false)
	_ = body.Encode(value) // structs of ours: numbers and words
	return indent(make([]byte, 0, compact.Len()*3/2), compact.Bytes())
}

// depthMax is how deep a value may be nested: a connection's namespaces are four deep.
const depthMax = 8

// indent adds to dst what json.Indent would make of an encoder's output, with two
// spaces a level. That one reads its input as if anybody had written it, which is
// seven eighths of the time that a long list of connections takes; this one may
// trust it to be JSON without a space too many.
func indent(dst, compact []byte) []byte {
	const line = "\n                " // 2*depthMax spaces
	depth := 0
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		switch c {
		case '"':
			end := endOfString(compact, i)
			dst = append(dst, compact[i:end]...)
			i = end - 1
		case '{', '[':
			dst = append(dst, c)
			if next := compact[i+1]; next == c+2 { // '}' or ']': it is empty
				dst = append(dst, next)
				i++
				continue
			}
			depth++
			dst = append(dst, line[:1+2*depth]...)
		case '}', ']':
			depth--
			dst = append(append(dst, line[:1+2*depth]...), c)
		case ',':
			dst = append(append(dst, c), line[:1+2*depth]...)
		case ':':
			dst = append(dst, ": "...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// endOfString returns where the string that begins at a place is over.
func endOfString(text []byte, begin int) int {
	i := begin + 1
	for text[i] != '"' {
		if text[i] == '\\' {
			i++ // what is escaped is no end
		}
		i++
	}
	return i + 1
}
