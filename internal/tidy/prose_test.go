package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The prose of ssed is plain technical English: comments, error texts, log lines and
// documents. This file holds the part of that which a machine can count.

// relativeWordsMax is how many of 1,000 words of a room's comments, or of a document, may be
// one of relativeWord. Plain English needs few: in bolt, go-sse, nats-server and Mercure they
// are 0.2 to 1.7 of 1,000. A short text may have relativeWordsFree of them.
const (
	relativeWordsMax  = 5.0
	relativeWordsFree = 2
)

var relativeWord = regexp.MustCompile(`(?i)\b(who|whom|whose|what|whoever|whomever|whatever)\b`)

// sentenceWordsMax is the most words that a sentence in a comment or a document may have;
// code in `quotes` and a link count as one. Style guides for technical English ask for an
// average of 15 to 20 words and call 30 or more hard to follow. The maximum leaves room for
// a sentence that lists things.
const sentenceWordsMax = 35

// A phrase is a wording that ssed does not use.
type phrase struct {
	pattern *regexp.Regexp
	instead string         // the plain wording
	plain   *regexp.Regexp // wordings that the pattern matches and that are plain; nil: none
}

func banned(pattern, instead string) phrase {
	return phrase{pattern: regexp.MustCompile(`(?i)` + pattern), instead: instead}
}

func (p phrase) but(plain string) phrase {
	p.plain = regexp.MustCompile(plain)
	return p
}

// find returns the places where a text has the phrase.
func (p phrase) find(text string) []string {
	if p.plain != nil {
		text = p.plain.ReplaceAllString(text, "")
	}
	return p.pattern.FindAllString(text, -1)
}

// phrases are searched for in comments, documents, scripts, pages, and the strings of
// programs.
var phrases = []phrase{
	banned(`\b(is|are|was|were|be|been|being|gets?) told\b`, `"receives", "gets", or the active voice: "ssed tells the publisher"`),
	banned(`\btold (OK|ERR)\b`, `"answered OK", "answered ERR", "informed about"`),
	banned(`\btells? whether\b`, `"reports whether"`),
	banned(`\b(is|are) none\b`, `"does not exist", "is not a ..."`).but(`(?i)\bthere (is|are) none\b`),
	banned(`\b(it|that|this|which|%[qvs]|=%q) (is|are) no [a-z]+`, `"is not a ..."`).but(`(is|are) no (longer|more|less|other|different)`),
	banned(`\banew\b`, `"again", "new"`),
	banned(`\bmend(s|ed|ing)?\b`, `"fix", "repair"`),
	banned(`\bby (itself|themselves)\b`, `"on its own", "automatically"`),
	banned(`\bfor ever\b`, `"forever", "indefinitely"`),
	banned(`\blets? go of\b`, `"releases", "drops", "deletes"`),
	banned(`\b(is|are) (that|those) of\b`, `the name of the thing; for a method: "implements"`),
	banned(`\bsuch as (context\.|loop\.|ssed\.|sse\.|publish\.)?Err[A-Z]`, `"like", "is treated as"`),
	banned(`\bhas it all in\b`, `"contains"`),
	banned(`\b(those|he|she|the one|the ones|anybody|somebody|everybody|nobody|all) who\b`, `the name of the thing: "subscribers that ..."`),
	banned(`\bthose (that|which)\b`, `the name of the thing: "the frames that ..."`),
	banned(`\b(one|ones) (that|who|which)\b`, `the name of the thing: "a frame that ..."`),
	banned(`\bwhat is (there|kept|left|missing|to be|needed)\b`, `the name of the thing: "the kept messages"`),
	banned(`\b(is|are|was|were) to be\b`, `"must be", "will be", "should be"`),
	banned(`\bupon\b`, `"on"`),
	banned(`\b(lest|whilst|thereof|therein|whence|hence|hereby|nought|unto|shall)\b`, `a word of today`),
	banned(`\bseldom\b`, `"rarely"`),
	banned(`\bshould (they|it|one|he|she|there)\b`, `"if"`),
	banned(`\b(one's|oneself)\b`, `"your", or the name of the owner`),
	banned(`[,;:] for (it|they|there|we|he|she|nobody|nothing)\b`, `"because", "since"`),
	banned(`\b(is|are|was|were|has|have|had) had\b`, `a verb that says what happens`),
	banned(`\bbeside\b`, `"next to", "in addition to", "with"`),
	banned(`\bnothing but\b`, `"only"`),
	banned(`\bof no (matter|use|account)\b`, `"does not matter", "is not used"`),
	banned(`\b(is|are) no matter of\b`, `"does not concern"`),
	banned(`\bcannot but\b`, `"must"`),
	banned(`\bas (told|said|asked) (with|in|by|of)\b`, `"see"`),
	banned(`\bis of use\b`, `"is useful"`),
	banned(`\bwithout (end|number)\b`, `"endless", "unlimited"`),
	banned(`\b(is|are) let (in|through|go)\b`, `"is accepted", "is admitted", "is released"`),
}

// proseExceptions are the files that are not checked, with the reason.
var proseExceptions = map[string]string{
	"internal/tidy/prose_test.go": "it lists the phrases",
	"LICENSE":                     "the words of the MIT license",
	"admin/web/uplot/LICENSE":     "the words of the MIT license",
}

// recorded are the folders of documents that belong to a measurement of the past.
const recorded = "bench/results/"

// textExceptions are single strings that are not checked, with the reason.
var textExceptions = map[string]string{
	"RSS bytes of a kept message, beside its frame": "a name of a metric in recorded results",
}

// headless finds a sentence that begins with a relative word and is not a question.
var headless = regexp.MustCompile(`^(Who|Whom|Whose|What|Whoever|Whomever|Whatever)\b`)

// TestProseIsPlain checks the comments and strings of Go files, and the documents.
func TestProseIsPlain(t *testing.T) {
	counts := map[string]*wordCount{}
	for _, s := range sources(t) {
		if proseExceptions[s.path] != "" {
			continue
		}
		room := s.room()
		if counts[room] == nil {
			counts[room] = &wordCount{}
		}
		for _, p := range commentsOf(s) {
			counts[room].add(p.text)
			p.check(t, s.path)
		}
		for _, p := range stringsOf(s) {
			p.checkPhrases(t, s.path)
		}
	}
	for name, text := range documents(t) {
		path := filepath.ToSlash(strings.TrimPrefix(name, filepath.Join("..", "..")+string(filepath.Separator)))
		if proseExceptions[path] != "" || strings.HasPrefix(path, recorded) {
			continue
		}
		counts[path] = &wordCount{}
		for _, p := range paragraphsOf(text) {
			counts[path].add(p.text)
			p.check(t, path)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(counts)) {
		n := counts[place]
		t.Logf("%-40s %5d words, %4.1f of 1,000 are who, whose, what and the like", place, n.words, 1000*float64(n.relative)/float64(max(n.words, 1)))
		if most := n.most(); n.relative > most {
			t.Errorf("%s: %d of its %d words are who, whose, what and the like, want %d at most: name the thing", place, n.relative, n.words, most)
		}
	}
}

// TestOtherFilesArePlain searches the scripts, pages and configurations for phrases.
func TestOtherFilesArePlain(t *testing.T) {
	root, found := filepath.Join("..", ".."), 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "node_modules", "testdata", "results"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if slices.Contains([]string{".go", ".md", ".svg", ".png", ".sum", ".json"}, filepath.Ext(name)) {
			return nil
		}
		path := filepath.ToSlash(strings.TrimPrefix(name, root+string(filepath.Separator)))
		if proseExceptions[path] != "" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		found++
		for i, line := range strings.Split(string(text), "\n") {
			paragraph{i + 1, line}.checkPhrases(t, path)
		}
		return nil
	})
	if err != nil || found < 20 {
		t.Fatalf("found only %d files, %v: this test looks in the wrong place", found, err)
	}
}

// wordCount counts the words of a room or a document.
type wordCount struct{ words, relative int }

func (n *wordCount) add(text string) {
	n.words += len(strings.Fields(text))
	n.relative += len(relativeWord.FindAllString(text, -1))
}

// most returns how many relative words the room or document may have.
func (n *wordCount) most() int {
	return max(relativeWordsFree, int(relativeWordsMax*float64(n.words)/1000))
}

// paragraph is a piece of prose without line breaks, and the number of its first line.
type paragraph struct {
	line int
	text string
}

func (p paragraph) check(t *testing.T, path string) {
	p.checkPhrases(t, path)
	for _, s := range sentences(p.text) {
		if n := len(strings.Fields(s)); n > sentenceWordsMax {
			t.Errorf("%s:%d: this sentence has %d words, want %d at most:\n%s", path, p.line, n, sentenceWordsMax, s)
		}
		if isHeadless(s) {
			t.Errorf("%s:%d: this sentence begins with a clause that names nothing:\n%s", path, p.line, s)
		}
	}
}

// isHeadless reports whether a sentence begins with a relative word and is not a question or a
// heading.
func isHeadless(sentence string) bool {
	return headless.MatchString(sentence) && strings.HasSuffix(sentence, ".")
}

func (p paragraph) checkPhrases(t *testing.T, path string) {
	if textExceptions[p.text] != "" {
		return
	}
	for _, ban := range phrases {
		for _, found := range ban.find(p.text) {
			t.Errorf("%s:%d: %q: write %s:\n%s", path, p.line, found, ban.instead, p.text)
		}
	}
}

var (
	codeSpan     = regexp.MustCompile("`[^`]*`")
	linkTarget   = regexp.MustCompile(`\]\([^)]*\)`)
	sentenceEnds = regexp.MustCompile(`[.!?][)"']*(\s|$)`)
)

// sentences splits a paragraph. An abbreviation that ends with a dot splits too; that hides
// a long sentence now and then, and never reports a short one.
func sentences(text string) (all []string) {
	text = codeSpan.ReplaceAllString(text, "code")
	for text != "" {
		end := len(text)
		if at := sentenceEnds.FindStringIndex(text); at != nil {
			end = at[1]
		}
		all = append(all, strings.TrimSpace(text[:end]))
		text = text[end:]
	}
	return all
}

// commentsOf returns the paragraphs of a file's comments, without directives, code and the
// output of examples.
func commentsOf(s source) (all []paragraph) {
	for _, group := range s.file.Comments {
		var p paragraph
		end := func() {
			if p.text != "" {
				all = append(all, p)
			}
			p = paragraph{}
		}
		for _, c := range group.List {
			text, isLine := strings.CutPrefix(c.Text, "//")
			if !isLine || strings.HasPrefix(text, "go:") {
				continue
			}
			if strings.HasPrefix(strings.TrimSpace(text), "Output:") {
				break
			}
			indented := strings.HasPrefix(text, "  ") || strings.HasPrefix(text, " \t") || strings.HasPrefix(text, "\t")
			item := listItem.MatchString(text)
			if strings.TrimSpace(text) == "" || indented && !item && !strings.HasPrefix(text, "    ") {
				end()
			}
			if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "\t") || strings.HasPrefix(text, " \t") {
				continue
			}
			if item {
				end()
			}
			if p.text == "" {
				p.line = fset.Position(c.Pos()).Line
			}
			p.text = strings.TrimSpace(p.text + " " + strings.TrimSpace(text))
		}
		end()
	}
	return all
}

// stringsOf returns the strings of a program that may be prose.
func stringsOf(s source) (all []paragraph) {
	if s.isTest {
		return nil
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err == nil && strings.Contains(text, " ") {
			all = append(all, paragraph{fset.Position(literal.Pos()).Line, text})
		}
		return true
	})
	return all
}

func TestPlainProseDetection(t *testing.T) {
	for _, tt := range []struct {
		text  string
		found int
	}{
		{"The subscriber is told of the gap.", 1},
		{"The publisher gets ERR busy.", 0},
		{"The id is none.", 1},
		{"It reports whether the id is valid.", 0},
		{"There is no lock here.", 0},
		{"A port that is no longer in use; there are none.", 0},
		{"It lets go of those that wait.", 2},
	} {
		found := 0
		for _, ban := range phrases {
			found += len(ban.find(tt.text))
		}
		if found != tt.found {
			t.Errorf("%q: %d phrases found, want %d", tt.text, found, tt.found)
		}
	}
	for text, want := range map[string]bool{
		"Who comes back misses nothing.": true,
		"What a session holds.":          true,
		"What does OK mean?":             false,
		"What OK means":                  false,
		"Clients that resume get it.":    false,
	} {
		if isHeadless(text) != want {
			t.Errorf("%q: headless: %v, want %v", text, !want, want)
		}
	}
	var n wordCount
	n.add(strings.Repeat("word ", 396) + "who, whose, what, whatever")
	if n.words != 400 || n.relative != 4 || n.most() != 2 {
		t.Errorf("%d of %d words are relative words and %d are allowed, want 4, 400 and 2", n.relative, n.words, n.most())
	}
	long := strings.Repeat("word ", 30) + "`some code` and e.g. (more). " + strings.Repeat("word ", 41) + "end."
	var lengths []int
	for _, s := range sentences(long) {
		lengths = append(lengths, len(strings.Fields(s)))
	}
	if got := fmt.Sprint(lengths); got != "[33 1 42]" {
		t.Errorf("the sentences have %s words, want [33 1 42]", got)
	}
}
