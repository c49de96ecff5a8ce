package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ssed/ssed/bench/page/results"
)

// section adds one scenario: its pictures, its tables, its failures and its doubts.
func section(t *text, set *results.Set, scenario results.Scenario, drawn map[string][]byte) {
	t.say("### %s", plain(scenario.Name))
	if scenario.What != "" {
		t.say("%s.", plain(upper(strings.TrimRight(scenario.What, "."))))
	}
	played(t, scenario)
	for _, p := range pictures {
		if _, ok := drawn[p.file]; ok && p.section(set) == scenario.Name {
			t.say("![%s](%s)", plain(p.title), p.file)
		}
	}
	g := grid{set: set, base: set.Reference()}
	if scenario.Axis != "" {
		g.series(t, scenario)
	} else {
		g.cases(t, scenario)
	}
	g.remarks(t)
	compared(t, set, scenario)
	failures(t, set, scenario)
	doubts(t, set, scenario)
}

// played adds the length and number of runs, for each file if they differ. It also adds options
// that replace the scenario's defaults.
func played(t *text, scenario results.Scenario) {
	var said, times []string
	for _, p := range scenario.Plays {
		if p.Seconds == 0 || p.Repeat == 0 {
			continue
		}
		one := fmt.Sprintf("%s of %v s", plural(p.Repeat, "run"), p.Seconds)
		if !slices.Contains(times, one) {
			times = append(times, one)
		}
		said = append(said, fmt.Sprintf("%s in %s", one, plain(p.File)))
	}
	switch {
	case len(times) == 0:
		return
	case len(times) == 1:
		said = times
	}
	t.say("On each server and case %s; %d bytes of data unless the case sets another size.",
		strings.Join(said, ", "), scenario.Plays[0].PayloadBytes)
	if n := scenario.Plays[0].Subscribers; n > 0 {
		t.say("Run with **`--subscribers %d`** instead of the scenario's own number.", n)
	}
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// manyMetrics is the largest number of metrics that fit next to each other. More go below each
// other.
const manyMetrics = 8

// cases adds a table for each case. Rows are servers and columns are metrics, or the other way
// round if there are many metrics.
func (g *grid) cases(t *text, scenario results.Scenario) {
	for _, c := range scenario.Cases {
		g.columns = nil
		for _, m := range g.set.Metrics(scenario, c.Name) {
			g.columns = append(g.columns, column{scenario, c.Name, m, plain(m.Title)})
		}
		corner := "server"
		if len(scenario.Cases) > 1 {
			corner = plain(c.Name)
		}
		switch {
		case len(g.columns) > manyMetrics:
			g.turned(t, corner)
		default:
			g.write(t, corner)
		}
	}
}

// turned adds the table with a row for each of g.columns.
func (g *grid) turned(t *text, corner string) {
	c := g.columns[0]
	head := []string{corner}
	var servers []string
	for _, server := range g.set.Asked(c.scenario.Name) {
		if all, _ := g.set.Ran(c.scenario.Name, c.testCase, server); all > 0 {
			servers, head = append(servers, server), append(head, name(g.set, server))
		}
	}
	var rows [][]string
	for _, c := range g.columns {
		row := []string{c.title}
		for _, server := range servers {
			row = append(row, g.cell(c, server))
		}
		rows = append(rows, row)
	}
	t.table(head, rows, false)
}

// series adds a table for each metric. Rows are servers, and columns are the values of the axis.
// Metrics that are not among the main ones are folded.
func (g *grid) series(t *text, scenario results.Scenario) {
	var metrics []results.Metric
	for _, c := range scenario.Cases {
		for _, m := range g.set.Metrics(scenario, c.Name) {
			if !slices.ContainsFunc(metrics, func(known results.Metric) bool { return known.Name == m.Name }) {
				metrics = append(metrics, m)
			}
		}
	}
	var folded []results.Metric
	var titles []string
	one := func(m results.Metric) {
		g.columns = nil
		for _, c := range scenario.Cases {
			g.columns = append(g.columns, column{scenario, c.Name, m, results.Count(c.X)})
		}
		g.write(t, fmt.Sprintf("%s, by %s", plain(m.Title), plain(scenario.Axis)))
	}
	for _, m := range metrics {
		if m.Main {
			one(m)
		} else {
			folded, titles = append(folded, m), append(titles, plain(m.Title))
		}
	}
	if len(folded) > 0 {
		t.folded(strings.Join(titles, ", "), func() {
			for _, m := range folded {
				one(m)
			}
		})
	}
}

// compared adds the comparisons between cases on the same server.
func compared(t *text, set *results.Set, scenario results.Scenario) {
	if len(scenario.Compare) == 0 {
		return
	}
	head := []string{"comparison of cases"}
	asked := set.Asked(scenario.Name)
	for _, server := range asked {
		head = append(head, name(set, server))
	}
	var rows [][]string
	for _, c := range scenario.Compare {
		metric := results.Lookup(c.Metric)
		row, some := []string{fmt.Sprintf("%s: %s", plain(metric.Title), plain(c.Case()))}, false
		for _, server := range asked {
			number := set.Compared(scenario.Name, c, server).Median()
			some = some || !math.IsNaN(number)
			if c.Added {
				row = append(row, metric.Format(number))
			} else {
				row = append(row, results.Three(number))
			}
		}
		if some {
			rows = append(rows, row)
		}
	}
	if len(rows) > 0 {
		t.table(head, rows, false)
	}
}

// failures lists the servers with failed runs, case by case, and the reasons.
func failures(t *text, set *results.Set, scenario results.Scenario) {
	all := set.Failures(scenario)
	if len(all) == 0 {
		return
	}
	lines := []string{"Failed:\n"}
	for _, f := range all {
		line := fmt.Sprintf("- %s: failed %d of %d", plain(f.Server), f.Failed, f.Of)
		if len(scenario.Cases) > 1 {
			line += fmt.Sprintf(" in “%s”", plain(f.Case))
		}
		var reasons []string
		for _, r := range f.Reasons {
			said := quoted(r.Text)
			if len(f.Reasons) > 1 {
				said = fmt.Sprintf("%d × %s", r.Runs, said)
			}
			reasons = append(reasons, said)
		}
		lines = append(lines, line+": "+strings.Join(reasons, "; "))
	}
	t.say("%s", strings.Join(lines, "\n"))
}

// doubts adds the number of runs in which other processes had a processor, and their servers.
func doubts(t *text, set *results.Set, scenario results.Scenario) {
	n, of := set.Disturbed(scenario.Name, "", "")
	if n == 0 {
		return
	}
	var servers []string
	for _, server := range set.Asked(scenario.Name) {
		if n, of := set.Disturbed(scenario.Name, "", server); n > 0 {
			servers = append(servers, fmt.Sprintf("%s %d of %d", plain(server), n, of))
		}
	}
	t.say("Disturbed: in %s other processes had the processor of server or load for more than %.0f %% of the time (%s).",
		ofRuns(n, of), 100*results.DisturbedAbove, strings.Join(servers, ", "))
}
