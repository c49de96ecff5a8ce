package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestLimitsPageHasEachDefault verifies that docs/limits.md has a row for each flag of the
// daemon that is a size, a time or a number, and that the row has the flag's default.
func TestLimitsPageHasEachDefault(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	stated := map[string]string{} // by flag: the second column of each row that names it
	for line := range strings.SplitSeq(string(text), "\n") {
		if columns := strings.Split(line, " | "); len(columns) == 4 {
			for flag := range strings.SplitSeq(columns[2], ", ") {
				stated[strings.Trim(flag, "`-")] += columns[1] + "\n"
			}
		}
	}
	number := regexp.MustCompile(`^(\d+)([A-Za-z]+)$`) // with its unit
	checked := 0
	for _, flag := range newParser(&commands{}, io.Discard).Model.DefaultCmd.Flags {
		switch flag.Target.Interface().(type) {
		case byteSize, time.Duration, int:
		default:
			continue
		}
		checked++
		want := number.ReplaceAllString(flag.Default, "$1 $2")
		if flag.Default == "0" || flag.Default == "0s" {
			want = "" // the page describes the default in words
		}
		if found, ok := stated[flag.Name]; !ok || !strings.Contains(found, want) {
			t.Errorf("--%s: docs/limits.md states %q, want %q", flag.Name, found, want)
		}
	}
	if checked < 20 {
		t.Errorf("found only %d flags: this test looks in the wrong place", checked)
	}
}
