package tidy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	versionHeading = regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+) \((\d{4}-\d\d-\d\d|not yet tagged)\)$`)
	changelogGroup = []string{"Subscribers", "Publishers", "Store", "Operations", "Go API", "Fixed"}
)

// TestChangelogIsInOrder checks the headings of CHANGELOG.md against the rules of
// RELEASING.md: the newest version is first, and the groups of each version are in order.
func TestChangelogIsInOrder(t *testing.T) {
	versions, wrong := checkChangelog(rooted(t, "CHANGELOG.md"))
	for _, problem := range wrong {
		t.Errorf("CHANGELOG.md: %s", problem)
	}
	if len(versions) == 0 {
		t.Fatal("CHANGELOG.md has no version")
	}
	shown := regexp.MustCompile(`(?m)^\$ \./ssed version\nssed (\S+) `).FindStringSubmatch(rooted(t, "docs/tutorial.md"))
	if shown == nil || shown[1] != versions[0] {
		t.Errorf("docs/tutorial.md shows version %q, but the newest one in CHANGELOG.md is %s", shown, versions[0])
	}
}

// checkChangelog returns the versions of a changelog, such as "v0.1.0", and the problems of its
// headings.
func checkChangelog(text string) (versions, wrong []string) {
	var newer []int // the numbers of the version above; nil for the first version
	first := true   // no section has started yet
	group := -1     // the index of the group above in changelogGroup
	for _, line := range strings.Split(text, "\n") {
		if name, ok := strings.CutPrefix(line, "### "); ok {
			place := slices.Index(changelogGroup, name)
			if place <= group {
				wrong = append(wrong, strconv.Quote(line)+" is not a group, or not in order; the groups are "+strings.Join(changelogGroup, ", "))
			}
			group = max(group, place)
		}
		name, ok := strings.CutPrefix(line, "## ")
		if !ok {
			continue
		}
		group = -1
		parts := versionHeading.FindStringSubmatch(name)
		switch {
		case parts == nil && name == "Unreleased" && first:
		case parts == nil:
			wrong = append(wrong, strconv.Quote(line)+`: want "## v1.2.3 (2027-01-15)" or "## v1.2.3 (not yet tagged)", or "## Unreleased" at the top`)
		case parts[4] == "not yet tagged" && newer != nil:
			wrong = append(wrong, strconv.Quote(line)+": only the newest version can be without a tag")
		default:
			numbers := make([]int, 3)
			for i := range numbers {
				numbers[i], _ = strconv.Atoi(parts[i+1])
			}
			if newer != nil && slices.Compare(numbers, newer) >= 0 {
				wrong = append(wrong, strconv.Quote(line)+" is below an older version")
			}
			newer = numbers
			version, _, _ := strings.Cut(name, " ")
			versions = append(versions, version)
		}
		first = false
	}
	return versions, wrong
}

// TestCheckChangelog verifies checkChangelog with correct and incorrect changelogs.
func TestCheckChangelog(t *testing.T) {
	for _, c := range []struct {
		name, text string
		versions   int
		wrong      string // part of the only problem; "" if there is no problem
	}{
		{"the first version", "# Changelog\n\n## v0.1.0 (not yet tagged)\n\n### Store\n\n- a\n\n### Fixed\n", 1, ""},
		{"unreleased above two versions", "## Unreleased\n### Fixed\n## v0.10.0 (2027-01-15)\n### Store\n## v0.9.1 (2026-12-01)\n", 2, ""},
		{"unreleased below", "## v0.2.0 (2027-01-15)\n## Unreleased\n", 1, "Unreleased"},
		{"unreleased twice", "## Unreleased\n## Unreleased\n", 0, "Unreleased"},
		{"the oldest first", "## v0.1.0 (2026-12-01)\n## v0.2.0 (2027-01-15)\n", 2, "below an older"},
		{"the same version twice", "## v0.1.0 (2026-12-01)\n## v0.1.0 (2026-12-01)\n", 2, "below an older"},
		{"an old version without a tag", "## v0.2.0 (2027-01-15)\n## v0.1.0 (not yet tagged)\n", 1, "only the newest"},
		{"no date", "## v0.2.0\n", 0, "want"},
		{"groups in another order", "## v0.2.0 (2027-01-15)\n### Fixed\n### Store\n", 1, "### Store"},
		{"a group twice", "## v0.2.0 (2027-01-15)\n### Store\n### Store\n", 1, "### Store"},
		{"an unknown group", "## v0.2.0 (2027-01-15)\n### Misc\n", 1, "### Misc"},
	} {
		versions, wrong := checkChangelog(c.text)
		if c.wrong == "" && len(wrong) > 0 || c.wrong != "" && (len(wrong) != 1 || !strings.Contains(wrong[0], c.wrong)) {
			t.Errorf("%s: got %q, want %q", c.name, wrong, c.wrong)
		}
		if len(versions) != c.versions {
			t.Errorf("%s: got versions %q, want %d", c.name, versions, c.versions)
		}
	}
}
