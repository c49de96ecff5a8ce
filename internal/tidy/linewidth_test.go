package tidy

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// lineWidth is the maximum number of columns of a line of prose: a comment in Go or a paragraph in
// Markdown. A tab counts as 4. Code, tables and terminal output may be wider.
const lineWidth = 100

// TestProseFitsTheWidth finds lines of prose that are too long and could be broken.
func TestProseFitsTheWidth(t *testing.T) {
	for _, s := range sources(t) {
		output := false // the lines are the output of an example
		for i, line := range strings.Split(string(s.text), "\n") {
			comment := strings.TrimLeft(line, "\t")
			text, ok := strings.CutPrefix(comment, "// ")
			output = ok && (output || strings.HasPrefix(text, "Output:"))
			if ok && !output && !strings.HasPrefix(text, " ") && tooWide(line, len(line)-len(text)) {
				t.Errorf("%s:%d: this comment has %d columns, want %d at most:\n%s", s.path, i+1, columns(line), lineWidth, line)
			}
		}
	}
	for name, text := range documents(t) {
		for _, p := range proseOf(text) {
			if tooWide(p.text, 0) {
				t.Errorf("%s:%d: this line has %d columns, want %d at most:\n%s", name, p.number, columns(p.text), lineWidth, p.text)
			}
		}
	}
}

type proseLine struct {
	number int
	text   string
}

// proseOf returns the lines of the paragraphs of a Markdown text, without code, tables, headings
// and HTML. It returns no lines for a generated page.
func proseOf(text string) (lines []proseLine) {
	if strings.HasPrefix(text, "<!-- Written by") {
		return nil
	}
	fenced, blank, item := false, true, 0 // item is the indentation of the list item's text
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "```") {
			fenced = !fenced
			continue
		}
		code := fenced || strings.HasPrefix(line, strings.Repeat(" ", item+4)) && blank
		if !code && trimmed != "" && !strings.ContainsRune("|#<!>", rune(trimmed[0])) {
			lines = append(lines, proseLine{i + 1, line})
		}
		blank = trimmed == "" || code
		switch marker := listItem.FindString(line); {
		case code || trimmed == "":
		case marker != "":
			item = len(marker)
		case !strings.HasPrefix(line, " "):
			item = 0
		}
	}
	return lines
}

// paragraphsOf returns the paragraphs, headings, list items and table cells of a Markdown
// text, without code.
func paragraphsOf(text string) (all []paragraph) {
	var p paragraph
	end := func() {
		if p.text != "" {
			all = append(all, p)
		}
		p = paragraph{}
	}
	prose := map[int]bool{}
	for _, l := range proseOf(text) {
		prose[l.number] = true
	}
	for i, line := range strings.Split(text, "\n") {
		trimmed := linkTarget.ReplaceAllString(strings.TrimSpace(line), "]")
		switch {
		case strings.HasPrefix(trimmed, "|"):
			end()
			for cell := range strings.SplitSeq(strings.ReplaceAll(trimmed, `\|`, ""), "|") {
				if cell = strings.TrimSpace(cell); cell != "" {
					all = append(all, paragraph{i + 1, cell})
				}
			}
		case !prose[i+1]:
			end()
		default:
			if listItem.MatchString(line) {
				end()
			}
			if p.text == "" {
				p.line = i + 1
			}
			p.text = strings.TrimSpace(p.text + " " + trimmed)
		}
	}
	end()
	return all
}

var listItem = regexp.MustCompile(`^\s*([-*+]|\d+[.)]) `)

// unbreakable matches a piece of text that must not be broken: code, a link, or a picture.
var unbreakable = regexp.MustCompile("`[^`]*`" + `|!?\[[^\]]*\]\([^)]*\)`)

// tooWide reports whether a line is too long and could be broken after its indentation and before
// the limit.
func tooWide(line string, indent int) bool {
	if columns(line) <= lineWidth {
		return false
	}
	text := unbreakable.ReplaceAllStringFunc(line, func(piece string) string {
		return strings.Repeat("x", len(piece))
	})
	text = listItem.ReplaceAllStringFunc(text, func(marker string) string { return strings.Repeat(" ", len(marker)) })
	indent = max(indent, len(text)-len(strings.TrimLeft(text, " \t")))
	at := indent + strings.IndexByte(text[indent:], ' ')
	return at > indent && columns(line[:at]) <= lineWidth
}

func columns(line string) int {
	return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t")
}

// TestWideLinesAreFound verifies proseOf and tooWide.
func TestWideLinesAreFound(t *testing.T) {
	long := strings.Repeat("x", 60)
	for _, tt := range []struct {
		name, text string
		wide       int
	}{
		{"a paragraph", long + " " + long, 1},
		{"a list item", "- " + long + " " + long, 1},
		{"a word", long + long, 0},
		{"an item of one word", "- " + long + long, 0},
		{"code after a word", "see `" + long + " " + long + "`", 1},
		{"code alone", "`" + long + " " + long + "`", 0},
		{"a link alone", "[" + long + " a](" + long + ")", 0},
		{"a table", "| " + long + " | " + long + " |", 0},
		{"a fence", "```\n" + long + " " + long + "\n```", 0},
		{"an indented block", "text:\n\n    " + long + " " + long, 0},
		{"a block in an item", "1. text:\n\n       " + long + " " + long, 0},
		{"a paragraph in an item", "1. text\n\n   " + long + " " + long, 1},
		{"a paragraph after a fence", "```\nx\n```\n" + long + " " + long, 1},
	} {
		wide := 0
		for _, p := range proseOf(tt.text) {
			if tooWide(p.text, 0) {
				wide++
			}
		}
		if wide != tt.wide {
			t.Errorf("%s: %d lines are found too wide, want %d", tt.name, wide, tt.wide)
		}
	}
}
