package tidy

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"testing"
)

// A loopFigure is one figure of the measurements of several event loops that documents state.
type loopFigure struct {
	of, metric string  // the case of the scenario loops
	scale      float64 // factor to the unit in the documents
	format     string
	document   string
	pattern    string // with the figure as its group
}

const scaling = "docs/scale.md"

var loopFigures = []loopFigure{
	{"one message, 1 loop", "server CPU ns/delivery", 1e-3, "%.1f", scaling, `fill no cache \| ([\d.]+) µs with one loop`},
	{"one message, 2 loops", "server CPU ns/delivery", 1e-3, "%.1f", scaling, `with one loop, ([\d.]+) µs with two`},
	{"one message, 2 loops", "server CPU ns/delivery", 1e-3, "%.1f", scaling, `0\.5 / ([\d.]+) µs`},
	{"one message, 1 loop", "until the last has it ms", 1, "%.0f", scaling, `has a message \| (\d+) ms with one loop`},
	{"one message, 2 loops", "until the last has it ms", 1, "%.0f", scaling, `with one loop, (\d+) ms with two`},
	{"one message, 2 loops", "until the last has it ms", 2e3 / 18_000, "%.1f", scaling, `subscribers of the loop × ([\d.]+) µs`},
	{"publish only with history, 2 loops", "publishers' loop CPU ns/line", 1, "%.0f", scaling, `\| (\d+) ns with two loops`},
	{"publish only with history, 4 loops", "publishers' loop CPU ns/line", 1, "%.0f", scaling, `with two loops, (\d+) ns with four`},
	{"publish only, 2 loops", "publishers' loop CPU ns/line", 1, "%.0f", scaling, `was (\d+) ns a message with two loops`},
	{"publish only, 4 loops", "publishers' loop CPU ns/line", 1, "%.0f", scaling, `with two loops and (\d+) with four`},
	{"kept, 2 loops, history", "server CPU ns/delivery", 1e-3, "%.1f", scaling, `two loops, history \| ([\d.]+) µs`},
	{"kept, 2 loops, store", "server CPU ns/delivery", 1e-3, "%.1f", scaling, "two loops, `--store` \\| ([\\d.]+) µs"},
	{"kept, 2 daemons, NATS server", "server CPU ns/delivery", 1e-3, "%.1f", scaling, `one NATS server \| ([\d.]+) µs`},
	{"kept, 2 daemons, NATS server", "NATS server CPU us/message", 1, "%.0f", scaling, `the (\d+) µs that NATS spends`},
	{"kept, 2 loops, history", "p50 latency us", 1e-3, "%.1f", scaling, `two loops, history \| [\d.]+ µs \| ([\d.]+) ms`},
	{"one message, 1 loop", "server CPU ns/delivery", 1e-3, "%.1f", "docs/operations.md", `to 18,000 subscribers \| ([\d.]+) µs`},
	{"one message, 1 loop", "until the last has it ms", 1, "%.0f", "docs/operations.md", `the last one has it after (\d+) ms`},
	{"one message, 2 loops", "until the last has it ms", 1, "%.0f", "docs/operations.md", `with two event loops after (\d+) ms`},
}

// TestLoopFiguresAreMeasured verifies that documents state the medians of the results to which
// docs/scale.md links.
func TestLoopFiguresAreMeasured(t *testing.T) {
	links := regexp.MustCompile(`several\s+event loops\]\(\.\./(bench/results/[^)]+)/README\.md\)`).FindStringSubmatch(rooted(t, scaling))
	if links == nil {
		t.Fatal(scaling + " does not link to the results of several event loops")
	}
	var results struct {
		Runs []struct {
			Case   string
			Values map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(rooted(t, path.Join(links[1], "runs.json"))), &results); err != nil {
		t.Fatal(err)
	}
	for _, f := range loopFigures {
		var values []float64
		for _, run := range results.Runs {
			if value, ok := run.Values[f.metric]; ok && run.Case == f.of {
				values = append(values, value)
			}
		}
		if len(values) == 0 {
			t.Errorf("%s has no %q of %q", links[1], f.metric, f.of)
			continue
		}
		slices.Sort(values)
		want := fmt.Sprintf(f.format, values[len(values)/2]*f.scale)
		stated := regexp.MustCompile(f.pattern).FindStringSubmatch(rooted(t, f.document))
		switch {
		case stated == nil:
			t.Errorf("%s does not match %s: adapt the document or this test", f.document, f.pattern)
		case stated[1] != want:
			t.Errorf("%s: %q, but the results have %s", f.document, stated[0], want)
		}
	}
}
