package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/ssed/ssed/bench/page/figure"
	"github.com/ssed/ssed/bench/page/results"
)

// picture is one SVG file. It shows either lines over the cases of one series, or bars by server
// with a panel for each case of all its scenarios.
type picture struct {
	file, title string
	scenarios   []string
	metric      string
	bars, log   bool
}

const (
	cpu   = "server CPU ns/delivery"
	rate  = "deliveries/s"
	p99   = "p99 latency us"
	ofOne = "RSS bytes/subscriber"
)

var pictures = []picture{
	{file: "fanout-rate.svg", title: "Fan-out: deliveries per second",
		scenarios: []string{"fanout"}, metric: rate, bars: true},
	{file: "latency-p99.svg", title: "p99 latency of a delivery",
		scenarios: []string{"fanout", "steady"}, metric: p99, bars: true, log: true},
	{file: "idle-rss.svg", title: "Memory of an idle subscriber",
		scenarios: []string{"idle"}, metric: ofOne, bars: true, log: true},
	{file: "growth-cpu.svg", title: "Server CPU per delivery, by number of subscribers",
		scenarios: []string{"growth"}, metric: cpu},
	{file: "growth-rate.svg", title: "Deliveries per second, by number of subscribers",
		scenarios: []string{"growth"}, metric: rate},
	{file: "payload-cpu.svg", title: "Server CPU per delivery, by size of the payload",
		scenarios: []string{"payload"}, metric: cpu},
	{file: "namespaces-cpu.svg", title: "Server CPU per delivery, by number of namespaces",
		scenarios: []string{"namespaces"}, metric: cpu},
	{file: "depth-cpu.svg", title: "Server CPU per delivery, by depth of the namespace",
		scenarios: []string{"depth"}, metric: cpu},
	{file: "sets-cpu.svg", title: "Server CPU per delivery, by namespaces per subscriber",
		scenarios: []string{"sets"}, metric: cpu},
	{file: "slow-rate.svg", title: "Messages per second to fast readers, by share of slow readers",
		scenarios: []string{"slow"}, metric: "messages/s"},
}

func pictureNames() (names []string) {
	for _, p := range pictures {
		names = append(names, p.file)
	}
	return names
}

// section returns the scenario with the picture in its section: the first that was run.
func (p picture) section(set *results.Set) string {
	for _, name := range p.scenarios {
		if _, ok := set.Scenario(name); ok {
			return name
		}
	}
	return ""
}

// draw returns all pictures that have data, by file name.
func draw(set *results.Set) (map[string][]byte, error) {
	drawn := map[string][]byte{}
	for _, p := range pictures {
		var svg []byte
		var err error
		if p.bars {
			svg, err = p.drawBars(set)
		} else {
			svg, err = p.drawLines(set)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
		if svg != nil {
			drawn[p.file] = svg
		}
	}
	return drawn, nil
}

func (p picture) heading(repeated bool, m results.Metric) figure.Heading {
	note := map[results.Better]string{results.More: "more is better", results.Less: "less is better"}[m.Better]
	if repeated {
		note += " · medians; thin lines show the range of the runs"
	}
	return figure.Heading{Title: p.title, Note: note}
}

// drawLines draws a line for each server. It returns nil if no server succeeded in two cases.
func (p picture) drawLines(set *results.Set) ([]byte, error) {
	scenario, ok := set.Scenario(p.scenarios[0])
	if !ok || scenario.Axis == "" {
		return nil, nil
	}
	m := results.Lookup(p.metric)
	lines := figure.Lines{X: scenario.Axis, Y: m.Title, WriteX: results.Count, WriteY: m.Tick}
	longest, repeated := 0, false
	for _, server := range cast(set) {
		s := figure.Series{Server: server}
		failed := ""
		for _, c := range scenario.Cases {
			samples := set.Of(scenario.Name, c.Name, server.Name, p.metric)
			if len(samples) == 0 {
				if _, n := set.Ran(scenario.Name, c.Name, server.Name); n > 0 && failed == "" {
					failed = fmt.Sprintf("failed at %s", results.Count(c.X))
				}
				continue
			}
			repeated = repeated || len(samples) > 1
			s.Points = append(s.Points, point(c.X, samples))
		}
		s.Note = failed
		if len(s.Points) > 0 {
			lines.Series = append(lines.Series, s)
		}
		longest = max(longest, len(s.Points))
	}
	if longest < 2 {
		return nil, nil
	}
	lines.Heading = p.heading(repeated, m)
	return lines.SVG()
}

func point(x float64, samples results.Samples) figure.Point {
	least, most := samples.Range()
	return figure.Point{X: x, Y: samples.Median(), Least: least, Most: most}
}

// cast assigns a role to every server, which is the same in all pictures.
func cast(set *results.Set) (servers []figure.Server) {
	nth := 0
	for _, server := range set.Servers {
		one := figure.Server{Name: server.Name}
		switch server.Name {
		case set.Subject():
			one.Role = figure.Subject
		case results.Floor:
			one.Role = figure.Reference
		default:
			one.Nth = nth
			nth++
		}
		servers = append(servers, one)
	}
	return servers
}

// drawBars draws a bar for each server. It returns nil if no server has the number in any case. The
// rows are in the order of the first panel, with the best on top.
func (p picture) drawBars(set *results.Set) ([]byte, error) {
	m := results.Lookup(p.metric)
	b := figure.Bars{X: m.Title, Write: m.Format, Tick: m.Tick, Log: p.log}
	b.Rows = p.rows(set, m)
	if len(b.Rows) == 0 {
		return nil, nil
	}
	repeated := false
	for _, name := range p.scenarios {
		scenario, _ := set.Scenario(name)
		for _, c := range scenario.Cases {
			panel := figure.Panel{Title: fmt.Sprintf("%s, %s", name, c.Name)}
			for _, row := range b.Rows {
				samples := set.Of(name, c.Name, row.Name, p.metric)
				repeated = repeated || len(samples) > 1
				panel.Bars = append(panel.Bars, bar(set, name, c.Name, row.Name, samples))
			}
			b.Panels = append(b.Panels, panel)
		}
	}
	b.Heading = p.heading(repeated, m)
	return b.SVG()
}

func bar(set *results.Set, scenario, testCase, server string, samples results.Samples) figure.Bar {
	if len(samples) > 0 {
		return figure.Bar{Point: point(0, samples)}
	}
	none := figure.Bar{Point: figure.Point{Y: math.NaN()}, Missing: "not measured"}
	if all, _ := set.Ran(scenario, testCase, server); all > 0 {
		none.Missing = "failed"
	}
	return none
}

// rows returns the servers that have the number in at least one case, the best first.
func (p picture) rows(set *results.Set, m results.Metric) (rows []figure.Server) {
	first := map[string]float64{}
	for _, server := range cast(set) {
		for _, name := range p.scenarios {
			scenario, _ := set.Scenario(name)
			for _, c := range scenario.Cases {
				if x := set.Of(name, c.Name, server.Name, p.metric).Median(); !math.IsNaN(x) && !slices.Contains(rows, server) {
					rows, first[server.Name] = append(rows, server), x
				}
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b figure.Server) int {
		return -int(m.Better) * cmp.Compare(first[a.Name], first[b.Name])
	})
	return rows
}
