package tidy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A headline is one figure of the measured results that other documents repeat.
type headline struct {
	column string  // of the table "At a glance"
	unit   string  // in that table
	scale  float64 // factor from that unit to the unit in the documents
	format string
	stated map[string]string // by document: a pattern with the figure as its group
}

var headlines = []headline{
	{"deliveries/s, fan-out", "M", 1, "%.1f", map[string]string{
		"README.md":          `64 messages in flight: deliveries/s \| ([\d.]+) million`,
		"docs/operations.md": `([\d.]+) million/s with 64 messages in flight`,
	}},
	{"server CPU per delivery, steady", "µs", 1, "%.1f", map[string]string{
		"README.md":          `CPU per delivery \| ([\d.]+) µs`,
		"docs/operations.md": `([\d.]+) µs (?:of one core|for each message)`,
		"docs/scale.md":      "`send` each \\| ([\\d.]+)",
	}},
	{"RSS per idle subscriber", "B", 1, "%.0f", map[string]string{
		"README.md":          `an idle subscriber [^|]*\| (\d+) bytes`,
		"docs/operations.md": `(?:idle subscriber \| |20,000 × )(\d+) bytes`,
		"docs/overload.md":   `idle subscriber takes (\d+) bytes`,
		"docs/scale.md":      `(?:in the daemon \| |35,000 × \()(\d+) (?:bytes|B)`,
	}},
	{"connections accepted/s", "k", 1000, "%.0f", map[string]string{
		"README.md":          `one after the other \| ([\d,]+)/s`,
		"docs/operations.md": `([\d,]+)/s one after the other`,
		"docs/scale.md":      `(?:one after the other \| |A loop accepts )([\d,]+)/s`,
	}},
}

// TestHeadlineNumbersAreMeasured verifies that documents state the figures of the results to which
// README.md links.
func TestHeadlineNumbersAreMeasured(t *testing.T) {
	results := regexp.MustCompile(`\]\((bench/results/[^)]+/README\.md)\)`).FindStringSubmatch(rooted(t, "README.md"))
	if results == nil {
		t.Fatal("README.md does not link to the results")
	}
	measured := glance(rooted(t, results[1]))
	for _, h := range headlines {
		cell := regexp.MustCompile(`^([\d.]+)` + h.unit + `$`).FindStringSubmatch(measured[h.column])
		if cell == nil {
			t.Errorf("%s: %q of ssed is %q, want a number of %s", results[1], h.column, measured[h.column], h.unit)
			continue
		}
		value, _ := strconv.ParseFloat(cell[1], 64)
		want := fmt.Sprintf(h.format, value*h.scale)
		for document, pattern := range h.stated {
			found := regexp.MustCompile(pattern).FindAllStringSubmatch(rooted(t, document), -1)
			if len(found) == 0 {
				t.Errorf("%s does not match the pattern for %q: adapt the document or this test", document, h.column)
			}
			for _, stated := range found {
				if strings.ReplaceAll(stated[1], ",", "") != want {
					t.Errorf("%s: %q, but the results have %s", document, stated[0], want)
				}
			}
		}
	}
}

// glance returns ssed's figures in the table "At a glance" of the results, by column, without
// markup.
func glance(page string) map[string]string {
	head := regexp.MustCompile(`(?m)^\| server \| (.*) \|$`).FindStringSubmatch(page)
	row := regexp.MustCompile(`(?m)^\| \*\*ssed\*\* \| (.*) \|$`).FindStringSubmatch(page)
	if head == nil || row == nil {
		return nil
	}
	figures := map[string]string{}
	cells := strings.Split(row[1], " | ")
	for i, column := range strings.Split(head[1], " | ") {
		name := strings.TrimPrefix(strings.Split(column, "]")[0], "[")
		cell := strings.Split(cells[i], "<br>")[0]
		figures[name] = strings.NewReplacer("*", "", "&nbsp;", "", "†", "").Replace(cell)
	}
	return figures
}
