package top

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// textRunesMax bounds a text: no cell of a table shows more, and a character that
// wears a thousand accents is no wider than one without.
const textRunesMax = 512

// A text is what others wrote, fit for a terminal. JSON decodes into it safely, as
// a value and as a key.
type text string

// UnmarshalText is that of encoding.TextUnmarshaler.
func (t *text) UnmarshalText(b []byte) error {
	*t = clean(string(b))
	return nil
}

// clean puts a question mark for each character that is not to be printed: those
// that control a terminal (C0 and C1), those that turn the direction of writing,
// and those that cannot be seen.
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

// cut makes s at most width cells wide.
func cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, "…")
}

// fit makes s exactly width cells wide, with spaces behind it, or before it.
func fit(s string, width int, right bool) string {
	s = cut(s, width)
	space := strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
	if right {
		return space + s
	}
	return s + space
}
