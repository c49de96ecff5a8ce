package tidy

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedMakeTargetsExist verifies that the Makefile has the targets of all make commands in
// documents and in its own comments.
func TestDocumentedMakeTargetsExist(t *testing.T) {
	makefile := rooted(t, "Makefile")
	var targets []string
	for _, rule := range regexp.MustCompile(`(?m)^([a-z][a-z ]*):`).FindAllStringSubmatch(makefile, -1) {
		targets = append(targets, strings.Fields(rule[1])...)
	}
	texts := documents(t)
	texts["Makefile"] = makefile
	// A command is an indented line of a document, a comment of the Makefile, or a code span.
	command := regexp.MustCompile("(?m)(?:^(?:# ?)?    |`)make((?: [A-Za-z=./-]+)+)")
	found := 0
	for name, text := range texts {
		for _, words := range command.FindAllStringSubmatch(text, -1) {
			for _, word := range strings.Fields(words[1]) {
				if strings.Contains(word, "=") { // a variable
					continue
				}
				found++
				if !slices.Contains(targets, word) {
					t.Errorf("%s: make %s: the Makefile has no such target", name, word)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d targets: this test looks in the wrong place", found)
	}
}
