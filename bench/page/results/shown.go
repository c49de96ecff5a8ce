package results

import (
	"slices"
	"strings"
)

// mainMetrics lists the main metrics of each scenario, as described in bench/README.md. They come
// first and are not folded.
var mainMetrics = map[string][]string{
	"fanout":       {"deliveries/s", "p99 latency us"},
	"steady":       {"server CPU ns/delivery", "p50 latency us", "p99 latency us"},
	"idle":         {"RSS bytes/subscriber", "seconds to open all", "seconds to settle"},
	"accept":       {"connections/s", "server CPU us/connection"},
	"stalled":      {"deliveries/s", "RSS growth MiB", "stalled ones closed", "MiB due to each stalled one"},
	"publish":      {"lines/s"},
	"drain":        {"MB/s", "messages/s"},
	"namespaces":   {"server CPU ns/delivery"},
	"growth":       {"server CPU ns/delivery", "deliveries/s"},
	"payload":      {"server CPU ns/delivery", "MB/s"},
	"depth":        {"server CPU ns/delivery"},
	"sets":         {"server CPU ns/delivery"},
	"slow":         {"messages/s", "p99 latency us", "RSS growth MiB", "slow ones ended by the server", "MiB waiting per slow one"},
	"storm":        {"seconds until all are back", "p50 answer ms", "p99 answer ms", "server CPU us/connection"},
	"emojitracker": {"memory MiB at most", boundEnforced, "p99 latency us", serverBusy, "messages/s", overdue},
}

// otherMetrics are shown after the main metrics, in this order, in all scenarios that report them.
var otherMetrics = []string{
	overdue, "deliveries/s", "lines/s", "connections/s",
	"server CPU ns/delivery", "server CPU ns/line", "server CPU us/connection",
	"p50 latency us", "p99 latency us", "p50 answer ms", "p99 answer ms", "seconds until all are back",
	"RSS bytes/subscriber", "RSS bytes/subscriber at once", "RSS MiB", "memory MiB at most",
	"seconds to open all", "seconds to settle", storeOnDisk,
}

// hiddenMetrics are shown only in scenarios that have them as main metrics. They repeat another
// number, or only help to judge it.
var hiddenMetrics = []string{
	"messages/s", "MB/s", // proportional to deliveries/s
	"p99.9 latency us", "max latency us", // random in a run of a few seconds
	"RSS growth MiB", // almost 0, except with subscribers that do not read
	"kernel socket MiB", "stalled ones closed", "streams scanned", boundEnforced,
	serverBusy, loadBusy, serverDisturbed, loadDisturbed, // doubts.go reads them
}

const (
	boundEnforced = "bound enforced"
	storeOnDisk   = "store on a disk"
	overdue       = "messages overdue at the end"
	serverBusy    = "server busy"
)

// Metrics returns the metrics to show for a case: metrics with a goal, the main metrics, and all
// others that are not in hiddenMetrics.
func (s *Set) Metrics(scenario Scenario, testCase string) (shown []Metric) {
	reported := s.reported(Run{Scenario: scenario.Name, Case: testCase})
	first := slices.Clone(mainMetrics[scenario.Name])
	for _, g := range scenario.Goals {
		if !slices.Contains(first, g.Metric) && !slices.Contains(otherMetrics, g.Metric) {
			first = slices.Insert(first, 0, g.Metric)
		}
	}
	undecided := slices.DeleteFunc(slices.Clone(reported), func(name string) bool { return slices.Contains(hiddenMetrics, name) })
	for _, name := range slices.Concat(first, otherMetrics, undecided) {
		known := func(m Metric) bool { return m.Name == name }
		if slices.Contains(reported, name) && !slices.ContainsFunc(shown, known) {
			m := s.directed(scenario.Name, name)
			m.Main = mainMetrics[scenario.Name] == nil || slices.Contains(first, name)
			shown = append(shown, m)
		}
	}
	return shown
}

// openLoops are scenarios that publish at a fixed rate, however fast the server could be.
var openLoops = []string{"steady", "emojitracker"}

// directed is like Lookup, for a scenario. In an open loop all servers deliver the same messages.
// So a higher rate is not better, but a lower use of the processor is.
func (s *Set) directed(scenario, name string) Metric {
	m := Lookup(name)
	if slices.Contains(openLoops, scenario) || slices.Contains(s.reported(Run{Scenario: scenario}), overdue) {
		switch {
		case strings.HasSuffix(name, "/s"):
			m.Better = Neither
		case name == serverBusy:
			m.Better = Less
		}
	}
	return m
}

// reported returns the names of the metrics of matching runs, sorted.
func (s *Set) reported(like Run) (names []string) {
	for _, r := range s.runs {
		if !r.matches(like) {
			continue
		}
		for name := range r.Values {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}
