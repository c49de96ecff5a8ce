package top

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// textRunesMax limits the number of characters in a text. No table cell shows more. A limit on the
// width would not be enough, because a character with a thousand accents is only one cell wide.
const textRunesMax = 512

// A text is a string from outside that is safe to print on a terminal. JSON can be decoded into it,
// both as a value and as a key.
type text string

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *text) UnmarshalText(b []byte) error {
	*t = clean(string(b))
	return nil
}

// clean replaces each character that must not be printed with a question mark: control characters
// (C0 and C1), characters that change the writing direction, and invisible characters.
func clean(s string) text {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > textRunesMax {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return text(b.String())
}

// cut shortens s to at most width cells.
func cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, "…")
}

// fit makes s exactly width cells wide. It adds spaces after s, or before it if right is set.
func fit(s string, width int, right bool) string {
	s = cut(s, width)
	space := strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
	if right {
		return space + s
	}
	return s + space
}
