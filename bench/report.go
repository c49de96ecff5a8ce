package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/ssed/ssed/bench/server"
	"github.com/ssed/ssed/bench/stats"
)

// table prints the results of one scenario: a block for each case, a line for each metric, and a
// column for each server. Ratios are to the reference server.
func (b *bench) table(out io.Writer, s scenario) {
	fmt.Fprintf(out, "%s: %s\n%d bytes of data, %v s a run, medians of %d\n", s.name, s.what,
		b.options.PayloadBytes, b.options.Seconds, b.options.Repeat)
	var rows [][]string
	for _, c := range s.cases {
		metrics := b.metrics(s.name, c.name)
		if len(metrics) == 0 {
			continue // no server ran this case
		}
		rows = append(rows, b.header(c.name))
		for _, metric := range metrics {
			rows = append(rows, b.line(s, c.name, metric))
		}
	}
	for _, c := range s.compare {
		if len(b.metrics(s.name, c.of)) == 0 || len(b.metrics(s.name, c.to)) == 0 {
			continue // --case left it out
		}
		sign, how := "/", b.ratio
		if c.goal.added {
			sign, how = "-", b.difference
		}
		cells := []string{fmt.Sprintf("%s, %s %s %s", c.metric, c.of, sign, c.to)}
		for _, spec := range b.specs {
			cells = append(cells, short(how(place{s.name, c.of, spec.Name}, place{s.name, c.to, spec.Name}, c.metric)))
		}
		rows = append(rows, append(cells, slices.Repeat([]string{""}, len(b.specs))...))
		rows[len(rows)-1] = append(rows[len(rows)-1], c.goal.String())
	}
	write(out, rows)
	for _, r := range b.runs {
		if r.scenario == s.name && r.failed != "" {
			fmt.Fprintf(out, "failed: %s, %s, run %d: %s\n", r.testCase, r.server, r.repetition+1, r.failed)
		}
	}
	if n, of := b.disturbed(s.name); n > 0 {
		fmt.Fprintf(out, "disturbed: in %d of %d runs other processes had the processor of server or load for more than %.0f%% of the time\n",
			n, of, 100*disturbedAbove)
	}
	fmt.Fprintln(out)
}

// disturbedAbove is the part of the elapsed time that other processes may have a processor of a
// run. Above it, the run counts as disturbed and is not reliable.
const disturbedAbove = 0.05

// disturbed returns how many runs of a scenario were disturbed, and how many runs there are.
func (b *bench) disturbed(scenario string) (n, of int) {
	for _, r := range b.runs {
		if r.scenario != scenario {
			continue
		}
		of++
		server, _ := r.values.get(serverDisturbed)
		load, _ := r.values.get(loadDisturbed)
		if max(server, load) > disturbedAbove {
			n++
		}
	}
	return n, of
}

// reference returns the index of the server that ratios are to: the floor, or else the last server.
func (b *bench) reference() int {
	if i := slices.IndexFunc(b.specs, func(spec server.Spec) bool { return spec.Name == "floor" }); i >= 0 {
		return i
	}
	return len(b.specs) - 1
}

// compared returns all servers except the reference.
func (b *bench) compared() []server.Spec {
	i := b.reference()
	return slices.Concat(b.specs[:i], b.specs[i+1:])
}

// header returns the names of a case's columns.
func (b *bench) header(testCase string) []string {
	cells := []string{testCase}
	for _, spec := range b.specs {
		cells = append(cells, spec.Name)
	}
	for _, spec := range b.compared() {
		cells = append(cells, spec.Name+"/"+b.specs[b.reference()].Name)
	}
	return append(cells, "spread", "goal")
}

// line returns the row of one metric: medians, ratios, the spread of the first server's runs, and
// the goals.
func (b *bench) line(s scenario, testCase, metric string) []string {
	of := func(spec server.Spec) place { return place{s.name, testCase, spec.Name} }
	cells := []string{metric}
	for _, spec := range b.specs {
		cells = append(cells, short(stats.Median(b.collect(of(spec), metric))))
	}
	for _, spec := range b.compared() {
		cells = append(cells, short(b.ratio(of(spec), of(b.specs[b.reference()]), metric)))
	}
	cells = append(cells, fmt.Sprintf("%.0f%%", 100*stats.Spread(b.collect(of(b.specs[0]), metric))))
	var goals []string
	for _, g := range s.goals {
		if g.metric == metric && (g.in == "" || g.in == testCase) && (g.over == "" || b.has(g.over)) {
			goals = append(goals, g.String())
		}
	}
	return append(cells, strings.Join(goals, ", "))
}

func (b *bench) has(name string) bool {
	return slices.ContainsFunc(b.specs, func(spec server.Spec) bool { return spec.Name == name })
}

// write prints a table with the first column aligned to the left and the others to the right.
func write(out io.Writer, rows [][]string) {
	var widths []int
	for _, cells := range rows {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, cells := range rows {
		var line strings.Builder
		for i, cell := range cells {
			if i == 0 {
				fmt.Fprintf(&line, "  %-*s", widths[i], cell)
			} else {
				fmt.Fprintf(&line, "  %*s", widths[i], cell)
			}
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}

func (g goal) String() string {
	if g.least == 0 && g.most == 0 {
		return "" // reported for information
	}
	of := "ratio "
	switch {
	case g.absolute:
		of = ""
	case g.added:
		of = "added "
	}
	over := ""
	if g.over != "" {
		over = " to " + g.over
	}
	if g.least != 0 {
		return of + ">= " + short(g.least) + over
	}
	return of + "<= " + short(g.most) + over
}

// metrics lists the metrics that any run of a case reported, in the order of their first
// appearance.
func (b *bench) metrics(scenario, testCase string) []string {
	var all []string
	for _, r := range b.runs {
		if r.scenario != scenario || r.testCase != testCase {
			continue
		}
		for _, v := range r.values {
			if !slices.Contains(all, v.metric) {
				all = append(all, v.metric)
			}
		}
	}
	return all
}

// short formats a number with three significant digits, and k, M or G.
func short(x float64) string {
	unit := ""
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "-"
	case a >= 1e9:
		x, unit = x/1e9, " G"
	case a >= 1e6:
		x, unit = x/1e6, " M"
	case a >= 1e4:
		x, unit = x/1e3, " k"
	}
	switch a := math.Abs(x); {
	case a >= 100:
		return fmt.Sprintf("%.0f%s", x, unit)
	case a >= 10:
		return fmt.Sprintf("%.1f%s", x, unit)
	default:
		return fmt.Sprintf("%.2f%s", x, unit)
	}
}

// place identifies the runs of one case of one scenario on one server.
type place struct{ scenario, testCase, server string }

func (r *result) at() place { return place{r.scenario, r.testCase, r.server} }

// collect returns the values of one metric in the runs of a place. Failed runs are ignored.
func (b *bench) collect(at place, metric string) []float64 {
	var all []float64
	for _, r := range b.runs {
		if x, ok := r.values.get(metric); ok && r.at() == at {
			all = append(all, x)
		}
	}
	return all
}

// ratio returns the median of the ratios between a metric's values in two places, run by run.
func (b *bench) ratio(one, other place, metric string) float64 {
	return stats.Ratios(b.pairs(one, other, metric))
}

// difference returns the median of the differences between a metric's values in two places, run by
// run.
func (b *bench) difference(one, other place, metric string) float64 {
	xs, ys := b.pairs(one, other, metric)
	for i := range xs {
		xs[i] -= ys[i]
	}
	return stats.Median(xs)
}

// pairs returns the values of a metric in two places, paired by repetition. A run is ignored if its
// counterpart failed.
func (b *bench) pairs(one, other place, metric string) (xs, ys []float64) {
	for _, r := range b.runs {
		x, ok := r.values.get(metric)
		if !ok || r.at() != one {
			continue
		}
		for _, s := range b.runs {
			if y, ok := s.values.get(metric); ok && s.at() == other && s.repetition == r.repetition {
				xs, ys = append(xs, x), append(ys, y)
			}
		}
	}
	return xs, ys
}
