package admin

import (
	"bytes"
	"encoding/json"
)

// rendered is a response body in JSON. Several responses may share it, so it must not be changed.
type rendered []byte

// render returns a value as JSON, indented in the same way as in mroth/sseserver.
func render(value any) rendered {
	var compact bytes.Buffer
	body := json.NewEncoder(&compact)
	body.SetEscapeHTML(false)
	_ = body.Encode(value) // our own structs of numbers and strings, so it cannot fail
	return indent(make([]byte, 0, compact.Len()*3/2), compact.Bytes())
}

// depthMax is the maximum nesting depth of a value. The namespaces of a connection are at depth
// four.
const depthMax = 8

// indent appends compact to dst, indented by two spaces per level. The result is the same as that
// of json.Indent. But json.Indent also validates its input, which takes seven eighths of the time
// for a long list of connections. indent skips this: compact must be the output of an encoder,
// which is valid JSON without extra spaces.
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
			if next := compact[i+1]; next == c+2 { // '}' or ']': an empty object or array
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

// endOfString returns the offset after the end of the string that starts at begin.
func endOfString(text []byte, begin int) int {
	i := begin + 1
	for text[i] != '"' {
		if text[i] == '\\' {
			i++ // skip the escaped character, which may be a quote
		}
		i++
	}
	return i + 1
}
