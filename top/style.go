package top

import "strings"

// A look is the style of text: an attribute, which every terminal supports, and a color, which the
// user can disable. Both are parameters of SGR (ECMA-48 8.3.117).
type look struct{ attribute, color string }

var (
	strong   = look{"1", ""}
	faint    = look{"2", ""}
	selected = look{"7", ""}
	drawn    = look{"", "36"}
	good     = look{"", "32"}
	warning  = look{"1", "33"}
	bad      = look{"1", "31"}
)

type style struct{ color bool }

// paint adds the escape sequences of a look to text. The text must already have its final width.
func (s style) paint(l look, text string) string {
	var codes []string
	if l.attribute != "" {
		codes = append(codes, l.attribute)
	}
	if l.color != "" && s.color {
		codes = append(codes, l.color)
	}
	if len(codes) == 0 || text == "" {
		return text
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[0m"
}
