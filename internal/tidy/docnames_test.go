package tidy

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

var identifier = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)

// TestDocCommentsNameTheirFunction finds doc comments that begin with the name that a
// function had before it was renamed.
func TestDocCommentsNameTheirFunction(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Doc == nil {
				continue
			}
			first, rest, _ := strings.Cut(f.Doc.Text(), " ")
			if first == f.Name.Name || !identifier.MatchString(first) {
				continue
			}
			verb, _, _ := strings.Cut(rest, " ")
			if strings.ToLower(first) != first || strings.HasSuffix(verb, "s") && looksLikeName(first) {
				t.Errorf("%s: the comment of %s begins with %q", s.path, f.Name.Name, first)
			}
		}
	}
}

// looksLikeName reports whether the first word of a comment is a name. It is false for common
// words.
func looksLikeName(word string) bool {
	switch word {
	case "it", "this", "that", "what", "who", "one", "each", "gnet", "evio", "systemd":
		return false
	}
	return true
}
