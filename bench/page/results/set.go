package results

import (
	"cmp"
	"slices"
)

// Set is the content of all files.
type Set struct {
	Files     []File
	Servers   []Server // in the order of columns
	Scenarios []Scenario
	runs      []Run
	versions  map[[2]string]string // by scenario and server
}

// complete sorts series by X and moves the floor behind the other servers. It removes scenarios and
// servers without runs.
func (s *Set) complete() {
	s.Scenarios = slices.DeleteFunc(s.Scenarios, func(scenario Scenario) bool { return !s.ran(Run{Scenario: scenario.Name}) })
	s.Servers = slices.DeleteFunc(s.Servers, func(server Server) bool { return !s.ran(Run{Server: server.Name}) })
	slices.SortStableFunc(s.Servers, func(a, b Server) int { return place(a) - place(b) })
	for i := range s.Scenarios {
		scenario := &s.Scenarios[i]
		scenario.Cases = slices.DeleteFunc(scenario.Cases, func(c Case) bool {
			return !s.ran(Run{Scenario: scenario.Name, Case: c.Name})
		})
		if scenario.Axis != "" {
			slices.SortStableFunc(scenario.Cases, func(a, b Case) int { return cmp.Compare(a.X, b.X) })
		}
	}
}

// Floor is the name of the server that is a reference and not a competitor.
const Floor = "floor"

func place(server Server) int {
	if server.Name == Floor {
		return 1
	}
	return 0
}

// Subject returns the server that the page is about: ssed, or else the first that is not the floor.
func (s *Set) Subject() string {
	for _, fits := range []func(name string) bool{
		func(name string) bool { return name == "ssed" },
		func(name string) bool { return name != Floor },
	} {
		if i := slices.IndexFunc(s.Servers, func(server Server) bool { return fits(server.Name) }); i >= 0 {
			return s.Servers[i].Name
		}
	}
	return s.Servers[0].Name
}

// Reference returns the server that ratios are to: the floor, or else the last, as in bench's own
// tables.
func (s *Set) Reference() string {
	if s.ran(Run{Server: Floor}) {
		return Floor
	}
	return s.Servers[len(s.Servers)-1].Name
}

// Peers returns all servers except the subject and the floor.
func (s *Set) Peers() (names []string) {
	for _, server := range s.Servers {
		if server.Name != s.Subject() && server.Name != Floor {
			names = append(names, server.Name)
		}
	}
	return names
}

// Scenario returns the scenario with a name. It returns false if the scenario has no runs.
func (s *Set) Scenario(name string) (Scenario, bool) {
	i := slices.IndexFunc(s.Scenarios, func(scenario Scenario) bool { return scenario.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return s.Scenarios[i], true
}

// matches reports whether r has the scenario, case and server of like. Empty names match all.
func (r Run) matches(like Run) bool {
	return (like.Scenario == "" || like.Scenario == r.Scenario) &&
		(like.Case == "" || like.Case == r.Case) &&
		(like.Server == "" || like.Server == r.Server)
}

func (s *Set) ran(like Run) bool {
	return slices.ContainsFunc(s.runs, func(r Run) bool { return r.matches(like) })
}

// Of returns a metric of a case on a server, run by run, without failed runs.
func (s *Set) Of(scenario, testCase, server, metric string) (all Samples) {
	for _, r := range s.runs {
		if x, ok := r.Values[metric]; ok && r.Failed == "" && r.matches(Run{Scenario: scenario, Case: testCase, Server: server}) {
			all = append(all, sample{r.file, r.Repetition, x})
		}
	}
	return all
}

// Compared returns the values of a comparison on a server, run by run.
func (s *Set) Compared(scenario string, c Comparison, server string) Samples {
	of, to := s.Of(scenario, c.Of, server, c.Metric), s.Of(scenario, c.To, server, c.Metric)
	if c.Added {
		return of.Less(to)
	}
	return of.Over(to)
}

// Asked returns the servers that have runs of a scenario, failed or not, in the order of columns.
func (s *Set) Asked(scenario string) (names []string) {
	for _, server := range s.Servers {
		if s.ran(Run{Scenario: scenario, Server: server.Name}) {
			names = append(names, server.Name)
		}
	}
	return names
}

// Ran counts the runs of a case on a server, and the failed ones. An empty name matches all.
func (s *Set) Ran(scenario, testCase, server string) (all, failed int) {
	for _, r := range s.runs {
		if r.matches(Run{Scenario: scenario, Case: testCase, Server: server}) {
			all++
			if r.Failed != "" {
				failed++
			}
		}
	}
	return all, failed
}
