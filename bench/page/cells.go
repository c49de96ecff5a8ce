package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/ssed/ssed/bench/page/results"
)

// grid is a table with a row for each server. Its columns can be of any scenario, case and metric.
type grid struct {
	set     *results.Set
	base    string // the server that ratios are to; a column without it uses the subject
	columns []column
	ratios  bool // a cell shows a ratio
	spreads bool // a cell shows the spread of its runs
	limited bool // a cell is marked because the load was the limit
	other   bool // a column has ratios to the subject and not to base
}

type column struct {
	scenario results.Scenario
	testCase string
	metric   results.Metric
	title    string
}

// write adds the table. corner is the heading of the column with the servers' names.
func (g *grid) write(t *text, corner string) {
	head := []string{corner}
	for _, c := range g.columns {
		head = append(head, c.title)
	}
	var rows [][]string
	for _, server := range g.set.Servers {
		row, some := []string{name(g.set, server.Name)}, false
		for _, c := range g.columns {
			all, _ := g.set.Ran(c.scenario.Name, c.testCase, server.Name)
			some = some || all > 0
			row = append(row, g.cell(c, server.Name))
		}
		if some {
			rows = append(rows, row)
		}
	}
	t.table(head, rows, false)
}

func (g *grid) of(c column, server string) results.Samples {
	return g.set.Of(c.scenario.Name, c.testCase, server, c.metric.Name)
}

// cell returns a cell: the number, its ratio to the base, its spread and its failed runs.
func (g *grid) cell(c column, server string) string {
	all, failed := g.set.Ran(c.scenario.Name, c.testCase, server)
	samples := g.of(c, server)
	switch {
	case all > 0 && failed == all:
		return "✗ failed"
	case len(samples) == 0:
		return "–"
	}
	number := c.metric.Format(samples.Median())
	if g.best(c, server) {
		number = "**" + number + "**"
	}
	if strings.HasSuffix(c.metric.Name, "/s") && g.set.LoadWasLimit(c.scenario.Name, c.testCase, server) {
		number += "&nbsp;†"
		g.limited = true
	}
	var below []string
	if ratio := g.ratio(c, server); ratio != "" {
		below = append(below, ratio)
	}
	if len(samples) > 1 {
		below = append(below, percent(samples.Spread()))
		g.spreads = true
	}
	if failed > 0 {
		below = append(below, fmt.Sprintf("✗ %d of %d failed", failed, all))
	}
	return strings.ReplaceAll(number, " ", "&nbsp;") +
		small(strings.ReplaceAll(strings.Join(below, " · "), " ", "&nbsp;"))
}

// ratio returns the ratio of a server to the base, or "" if there is no ratio to show.
func (g *grid) ratio(c column, server string) string {
	base := g.base
	if len(g.of(c, base)) == 0 {
		base = g.set.Subject()
	}
	if server == base || c.metric.Better == results.Neither {
		return ""
	}
	ratio := g.of(c, server).Ratio(g.of(c, base))
	if math.IsNaN(ratio) || ratio <= 0 {
		return ""
	}
	g.ratios = true
	g.other = g.other || base != g.base
	return "×" + results.Three(ratio)
}

// best reports whether a server is the best of its column and another one is worse. The floor does
// not take part.
func (g *grid) best(c column, server string) bool {
	if c.metric.Better == results.Neither || g.aside(server) {
		return false
	}
	mine, worse := g.of(c, server).Median(), 0
	for _, other := range g.set.Servers {
		theirs := g.of(c, other.Name).Median()
		if other.Name == server || g.aside(other.Name) || math.IsNaN(theirs) {
			continue
		}
		switch lead := float64(c.metric.Better) * (mine - theirs); {
		case lead < 0:
			return false
		case lead > 0:
			worse++
		}
	}
	return worse > 0
}

func (g *grid) aside(server string) bool {
	return server == results.Floor && server != g.set.Subject()
}

// remarks adds an explanation of the marks and of the second lines of cells.
func (g *grid) remarks(t *text) {
	var below []string
	if g.ratios {
		below = append(below, "ratio to "+called(g.base))
	}
	if g.spreads {
		below = append(below, "spread of the runs")
	}
	if len(below) > 0 {
		t.say("Below each number: %s.", strings.Join(below, " · "))
	}
	if g.limited {
		t.say("† The load was busy for more than %.0f %% of the time: it was the limit.", 100*results.LimitAbove)
	}
	if g.other {
		t.say("If %s has no value, the ratio is to %s.", called(g.base), plain(g.set.Subject()))
	}
}

func percent(x float64) string {
	if x > 0 && x < 0.01 {
		return "&lt;1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}
