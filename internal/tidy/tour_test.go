package tidy

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const readmeLinesMax = 100

// TestTourLineCounts verifies the number of lines of the files on the tour of docs/architecture.md.
// The document's number may be off by a tenth.
func TestTourLineCounts(t *testing.T) {
	_, tour, _ := strings.Cut(rooted(t, "docs/architecture.md"), "## Reading the source\n")
	said := regexp.MustCompile(`in five stops, some ([\d,]+) lines`).FindStringSubmatch(tour)
	if said == nil {
		t.Fatal("docs/architecture.md does not state how many lines the tour of the source has")
	}
	want, _ := strconv.Atoi(strings.ReplaceAll(said[1], ",", ""))
	stops := regexp.MustCompile(`(?m)^\d\. (?:.+\n)(?:   .+\n)*`).FindAllString(tour, -1)
	if len(stops) != 5 {
		t.Errorf("the tour has %d stops, want five", len(stops))
	}
	lines := 0
	for _, stop := range stops {
		files := regexp.MustCompile(`\]\(\.\./([^)]+\.go)\)`).FindAllStringSubmatch(stop, -1)
		if len(files) == 0 {
			t.Errorf("this stop links to no file: %s", stop)
		}
		for _, file := range files {
			lines += strings.Count(rooted(t, file[1]), "\n")
		}
	}
	if lines < want*9/10 || lines > want*11/10 {
		t.Errorf("the tour has %d lines, but docs/architecture.md states some %d", lines, want)
	}
}

// TestREADMEIsShort verifies that README.md is one page. Everything else has its own document.
func TestREADMEIsShort(t *testing.T) {
	if lines := strings.Count(rooted(t, "README.md"), "\n"); lines > readmeLinesMax {
		t.Errorf("README.md has %d lines, want %d at most: move details to docs/", lines, readmeLinesMax)
	}
}
