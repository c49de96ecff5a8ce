package tidy

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestTheTourIsAsLongAsItSays counts the lines of the files to which the tour of README.md
// leads. The number there may be off by a tenth.
func TestTheTourIsAsLongAsItSays(t *testing.T) {
	_, tour, _ := strings.Cut(rooted(t, "README.md"), "## Reading the source\n")
	tour, _, _ = strings.Cut(tour, "\n## ")
	said := regexp.MustCompile(`in five stops, some ([\d,]+) lines`).FindStringSubmatch(tour)
	if said == nil {
		t.Fatal("README.md does not say how many lines the tour of the source has")
	}
	want, _ := strconv.Atoi(strings.ReplaceAll(said[1], ",", ""))
	stops := regexp.MustCompile(`(?m)^\d\. .*$`).FindAllString(tour, -1)
	if len(stops) != 5 {
		t.Errorf("the tour has %d stops, it says five", len(stops))
	}
	lines := 0
	for _, stop := range stops {
		files := regexp.MustCompile(`\]\(([^)]+\.go)\)`).FindAllStringSubmatch(stop, -1)
		if len(files) == 0 {
			t.Errorf("this stop leads to no file: %s", stop)
		}
		for _, file := range files {
			lines += strings.Count(rooted(t, file[1]), "\n")
		}
	}
	if lines < want*9/10 || lines > want*11/10 {
		t.Errorf("the tour has %d lines, README.md says some %d", lines, want)
	}
}
