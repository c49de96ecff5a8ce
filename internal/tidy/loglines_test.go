package tidy

import (
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logging are the rooms that write to the daemon's log.
var logging = []string{"internal/hub", "loop", "internal/listen", "publish/evioserver", "store", "admin", "cmd/ssed"}

// TestLogLinesAreExplained verifies that docs/log.md contains each log message at level info or
// above. It compares the text up to the first ";", ":" or ",".
func TestLogLinesAreExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/log.md")
	if err != nil {
		t.Fatal(err)
	}
	explained, found := strings.Join(strings.Fields(string(text)), " "), 0
	for _, s := range sources(t) {
		if s.isTest || !slices.Contains(logging, s.room()) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			words, ok := logWords(n)
			if !ok {
				return true
			}
			found++
			if i := strings.IndexAny(words, ";:,"); i > 0 {
				words = words[:i]
			}
			if !strings.Contains(explained, words) {
				t.Errorf("%s logs %q, which is not in docs/log.md", s.path, words)
			}
			return true
		})
	}
	if found < 40 {
		t.Errorf("found only %d lines: this test looks in the wrong place", found)
	}
}

// TestLogAttributesAreExplained verifies that docs/log.md explains each attribute of its example
// lines.
func TestLogAttributesAreExplained(t *testing.T) {
	page, found := rooted(t, "docs/log.md"), 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "    time=") {
			continue
		}
		for _, attribute := range regexp.MustCompile(` (\w+)=`).FindAllStringSubmatch(line, -1) {
			name := attribute[1]
			if slices.Contains([]string{"time", "level", "msg"}, name) {
				continue
			}
			found++
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/log.md does not explain the attribute %s", name)
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d attributes: this test looks in the wrong place", found)
	}
}

// TestLogAttributesInTheSourceAreExplained verifies that docs/log.md explains each attribute that a
// log line in the source has.
func TestLogAttributesInTheSourceAreExplained(t *testing.T) {
	page, found := rooted(t, "docs/log.md"), map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest || !slices.Contains(logging, s.room()) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			for _, key := range attributeKeys(n) {
				if found[key] {
					continue
				}
				found[key] = true
				if !strings.Contains(page, "`"+key+"`") {
					t.Errorf("%s logs the attribute %s, which is not in docs/log.md", s.path, key)
				}
			}
			return true
		})
	}
	if len(found) < 40 {
		t.Errorf("found only %d attributes: this test looks in the wrong place", len(found))
	}
}

// attributeKeys returns the keys of a call such as log.Warn("...", "err", err), of a slice such as
// []any{"err", err}, and of a call such as slog.String("err", "...").
func attributeKeys(n ast.Node) (keys []string) {
	var args []ast.Expr
	switch n := n.(type) {
	case *ast.CompositeLit:
		if slice, ok := n.Type.(*ast.ArrayType); ok && isName(slice.Elt, "any") {
			args = n.Elts
		}
	case *ast.CallExpr:
		method, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || isName(method.X, "http") {
			return nil
		}
		before, logs := map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "Log": 3, "With": 0, "String": 0}[method.Sel.Name]
		if logs && len(n.Args) > before {
			args = n.Args[before:]
		}
	}
	for i := 0; i+1 < len(args); i++ { // an argument that is not a literal may be a slog.Attr
		if literal, ok := args[i].(*ast.BasicLit); ok {
			if key, err := strconv.Unquote(literal.Value); err == nil {
				keys = append(keys, key)
			}
			i++ // skip the value
		}
	}
	return keys
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// logWords returns the message of a call such as log.Warn("...", ...). ok is false for other nodes.
func logWords(n ast.Node) (words string, ok bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return "", false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	at := 0
	switch {
	case !ok:
		return "", false
	case method.Sel.Name == "Log" && len(call.Args) > 2:
		at = 2
	case slices.Contains([]string{"Info", "Warn", "Error"}, method.Sel.Name) && len(call.Args) > 0:
	default:
		return "", false
	}
	literal, ok := call.Args[at].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	words, err := strconv.Unquote(literal.Value)
	return words, err == nil && words != ""
}
