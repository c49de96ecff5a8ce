package tidy

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// starters are the functions that start a program, with the index of the argument that names it.
var starters = map[string]int{
	"exec.Command":          0,
	"exec.CommandContext":   1,
	"exec.LookPath":         0,
	"testtool.StartCommand": 1,
	"testtool.StartGroup":   2,
	"testtool.StartBy":      1,
}

// skips are the methods that skip a test even if CI is set.
var skips = []string{"Skip", "Skipf", "SkipNow"}

// TestTestsNeedTheirPrograms verifies that tests get the path of every program except "go" from
// testtool.Need, and that only testtool skips tests. So the test is skipped on a machine without
// the program, and fails in CI, before it has started anything.
func TestTestsNeedTheirPrograms(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		if !s.isTest && s.room() != "internal/testtool" && s.room() != "internal/natstest" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			on, ok := selector.X.(*ast.Ident)
			if !ok {
				return true
			}
			at := fset.Position(call.Pos())
			if place, starts := starters[on.Name+"."+selector.Sel.Name]; starts && place < len(call.Args) {
				found++
				if program := literal(call.Args[place]); program != "" && program != "go" {
					t.Errorf("%s starts %q: get its path from testtool.Need before anything is started", at, program)
				}
			}
			inTest := slices.Contains([]string{"t", "b", "tb", "f"}, on.Name)
			if inTest && slices.Contains(skips, selector.Sel.Name) && s.room() != "internal/testtool" {
				t.Errorf("%s skips a test: call testtool.Need, Lack, Long or WithoutRace", at)
			}
			return true
		})
	}
	if found < 20 {
		t.Errorf("found only %d programs that tests start: this test looks in the wrong place", found)
	}
}

// literal returns the value of a string literal, or "".
func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		value, _ := strconv.Unquote(l.Value)
		return value
	}
	return ""
}
