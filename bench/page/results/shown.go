package results

import (
	"slices"
	"strings"
)

// toRead is what a scenario's row in bench/README.md says to read: it stands first, and is not
// folded away.
var toRead = map[string][]string{
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

// besides are shown wherever they were measured, after what is to be read, in this order.
var besides = []string{
	overdue, "deliveries/s", "lines/s", "connections/s",
	"server CPU ns/delivery", "server CPU ns/line", "server CPU us/connection",
	"p50 latency us", "p99 latency us", "p50 answer ms", "p99 answer ms", "seconds until all are back",
	"RSS bytes/subscriber", "RSS bytes/subscriber at once", "RSS MiB", "memory MiB at most",
	"seconds to open all", "seconds to settle", storeOnDisk,
}

// elsewhere are shown only where toRead names them: they say again what another number says, or are
// there to judge it by.
var elsewhere = []string{
	"messages/s", "MB/s", // deliveries/s by another factor
	"p99.9 latency us", "max latency us", // of a few seconds they are chance
	"RSS growth MiB", // next to nothing, but where somebody does not read
	"kernel socket MiB", "stalled ones closed", "streams scanned", boundEnforced,
	serverBusy, loadBusy, serverDisturbed, loadDisturbed, // doubts.go reads them
}

const (
	boundEnforced = "bound enforced"
	storeOnDisk   = "store on a disk"
	overdue       = "messages overdue at the end"
	serverBusy    = "server busy"
)

// Metrics lists what there is to show of a case: those with a goal, those to be read, and all that
// nobody has decided to leave out.
func (s *Set) Metrics(scenario Scenario, testCase string) (shown []Metric) {
	reported := s.reported(Run{Scenario: scenario.Name, Case: testCase})
	first := slices.Clone(toRead[scenario.Name])
	for _, g := range scenario.Goals {
		if !slices.Contains(first, g.Metric) && !slices.Contains(besides, g.Metric) {
			first = slices.Insert(first, 0, g.Metric)
		}
	}
	undecided := slices.DeleteFunc(slices.Clone(reported), func(name string) bool { return slices.Contains(elsewhere, name) })
	for _, name := range slices.Concat(first, besides, undecided) {
		known := func(m Metric) bool { return m.Name == name }
		if slices.Contains(reported, name) && !slices.ContainsFunc(shown, known) {
			m := s.directed(scenario.Name, name)
			m.ToRead = toRead[scenario.Name] == nil || slices.Contains(first, name)
			shown = append(shown, m)
		}
	}
	return shown
}

// openLoops publish what is due, however fast the server could be.
var openLoops = []string{"steady", "emojitracker"}

// directed is Lookup in a scenario. In an open loop everybody delivers what is due, so more of it
// is not better, but what it takes of the processor is.
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

// reported lists the metrics of runs, by name.
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
