package main

import (
	"fmt"
	"regexp"
	"strings"
)

// text is a Markdown document under construction.
type text struct{ strings.Builder }

// say adds a paragraph, or any other text followed by an empty line.
func (t *text) say(format string, args ...any) {
	fmt.Fprintf(t, format+"\n\n", args...)
}

// table adds a table. If the cells are prose, all columns are aligned to the left. Otherwise only
// the first is, and the others are aligned to the right.
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

// folded adds details that are hidden behind a summary.
func (t *text) folded(summary string, inside func()) {
	t.say("<details><summary>%s</summary>", summary)
	inside()
	t.say("</details>")
}

var escapes = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", ">", "&gt;", "&", "&amp;", "*", "\\*", "_", "\\_",
	"`", "\\`", "[", "\\[", "]", "\\]", "~", "\\~", "#", "\\#", "\r", " ", "\n", " ")

// plain escapes foreign text, so that it does not become Markdown and does not end a line or a
// cell.
func plain(s string) string { return escapes.Replace(s) }

// directories matches paths of a machine. No namespace starts with one of these words.
var directories = regexp.MustCompile(`/(?:tmp|home|root|var|usr|opt|mnt|srv)/(?:[^\s/:]+/)*`)

// quoted returns the output of a server or the error of a run, shortened so that the page stays
// readable.
func quoted(s string) string {
	const runesMax = 300
	s = directories.ReplaceAllString(strings.Join(strings.Fields(s), " "), "…/")
	if runes := []rune(s); len(runes) > runesMax {
		s = string(runes[:runesMax]) + " …"
	}
	return plain(s)
}

// small formats the second line of a cell.
func small(s string) string {
	if s == "" {
		return ""
	}
	return "<br><sub>" + s + "</sub>"
}

// plural returns a number and a noun, in the plural if necessary.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
