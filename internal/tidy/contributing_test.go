package tidy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rooted returns a file of the repository.
func rooted(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryParserIsFuzzed verifies that .ci/fuzz runs each fuzz target, and that CONTRIBUTING.md
// lists it.
func TestEveryParserIsFuzzed(t *testing.T) {
	contributing, ci, found := rooted(t, "CONTRIBUTING.md"), rooted(t, ".ci/fuzz"), 0
	for _, s := range sources(t) {
		for _, target := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllStringSubmatch(string(s.text), -1) {
			found++
			row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(s.room()) + "` \\| .*`" + target[1] + "`")
			if !row.MatchString(contributing) {
				t.Errorf("%s: %s is not in the table of CONTRIBUTING.md", s.path, target[1])
			}
			if !strings.Contains(ci, "fuzz ./"+s.room()+" "+target[1]+" ") {
				t.Errorf("%s: %s is not run by .ci/fuzz", s.path, target[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d targets: this test looks in the wrong place", found)
	}
}

// TestEveryRoomIsListed verifies that CONTRIBUTING.md lists each room, except rooms in internal and
// bench.
func TestEveryRoomIsListed(t *testing.T) {
	contributing := rooted(t, "CONTRIBUTING.md")
	for room := range rooms {
		inside := strings.HasPrefix(room, "internal/") || strings.HasPrefix(room, "bench/")
		if !inside && !regexp.MustCompile("(?m)^\\|[^|]*`"+regexp.QuoteMeta(room)+"`.*\\|$").MatchString(contributing) {
			t.Errorf("the table of CONTRIBUTING.md does not have %s", room)
		}
	}
}
