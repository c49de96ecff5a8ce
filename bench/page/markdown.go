package main

import (
	"fmt"
	"regexp"
	"strings"
)

// text is Markdown that grows.
type text struct{ strings.Builder }

// say adds a paragraph, or a line of its own.
func (t *text) say(format string, args ...any) {
	fmt.Fprintf(t, format+"\n\n", args...)
}

// table adds rows below a head. The first column stands left, the others right, unless all is
// prose.
func (t *text) table(head []string, rows [][]string, prose bool) {
	line := func(cells []string) { fmt.Fprintf(t, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	sides := []string{":--"}
	for range head[1:] {
		if prose {
			sides = append(sides, ":--")
		} else {
			sides = append(sides, "--:")
		}
	}
	line(sides)
	for _, row := range rows {
		line(row)
	}
	t.WriteString("\n")
}

// folded adds what only some want to see.
func (t *text) folded(summary string, inside func()) {
	t.say("<details><summary>%s</summary>", summary)
	inside()
	t.say("</details>")
}

var escapes = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "*", "\\*", "_", "\\_",
	"`", "\\`", "[", "\\[", "]", "\\]", "~", "\\~", "#", "\\#", "\r", " ", "\n", " ")

// plain is text of others that must not become Markdown, nor end a line or a cell.
func plain(s string) string { return escapes.Replace(s) }

// directories are those of a machine; a namespace begins with none of these words.
var directories = regexp.MustCompile(`/(?:tmp|home|root|var|usr|opt|mnt|srv)/(?:[^\s/:]+/)*`)

// quoted is what a server or a run said, cut to a length that leaves the page readable.
func quoted(s string) string {
	const runesMax = 300
	s = directories.ReplaceAllString(strings.Join(strings.Fields(s), " "), "…/")
	if runes := []rune(s); len(runes) > runesMax {
		s = string(runes[:runesMax]) + " …"
	}
	return plain(s)
}

// small is the second line of a cell.
func small(s string) string {
	if s == "" {
		return ""
	}
	return "<br><sub>" + s + "</sub>"
}

// plural puts a number before a noun.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
