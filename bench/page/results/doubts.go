package results

// Above these values, a run is not reliable. DisturbedAbove is the part of the time in which other
// processes had the processor of the server or the load, as in the bench's own tables. LimitAbove
// is the part of the time in which the load was busy.
const (
	DisturbedAbove = 0.05
	LimitAbove     = 0.95
)

// The metrics that show whether a run is reliable.
const (
	serverDisturbed = "server disturbed"
	loadDisturbed   = "load disturbed"
	loadBusy        = "load busy"
)

// Disturbed counts the runs of a case on a server in which other processes had a processor, and all
// runs that did not fail. An empty name matches all.
func (s *Set) Disturbed(scenario, testCase, server string) (n, of int) {
	for _, r := range s.runs {
		if r.Failed != "" || !r.matches(Run{Scenario: scenario, Case: testCase, Server: server}) {
			continue
		}
		of++
		if r.disturbed() > DisturbedAbove {
			n++
		}
	}
	return n, of
}

// disturbed returns the part of the time in which other processes had the processor of the server
// or the load, whichever is greater.
func (r Run) disturbed() float64 {
	return max(r.Values[serverDisturbed], r.Values[loadDisturbed])
}

// LoadWasLimit reports whether the load was almost always busy in the median run. Then the server
// may be able to do more.
func (s *Set) LoadWasLimit(scenario, testCase, server string) bool {
	return s.Of(scenario, testCase, server, loadBusy).Median() > LimitAbove
}

// Failure lists the reasons why runs of a case on a server failed.
type Failure struct {
	Case, Server string
	Failed, Of   int
	Reasons      []Reason
}

// Reason is one reason, and the number of runs that failed for it.
type Reason struct {
	Text string
	Runs int
}

// Failures returns the failures of a scenario, ordered by case and then by server.
func (s *Set) Failures(scenario Scenario) (all []Failure) {
	for _, c := range scenario.Cases {
		for _, server := range s.Servers {
			of, failed := s.Ran(scenario.Name, c.Name, server.Name)
			if failed > 0 {
				all = append(all, Failure{c.Name, server.Name, failed, of, s.reasons(Run{Scenario: scenario.Name, Case: c.Name, Server: server.Name})})
			}
		}
	}
	return all
}

func (s *Set) reasons(like Run) (all []Reason) {
next:
	for _, r := range s.runs {
		if r.Failed == "" || !r.matches(like) {
			continue
		}
		for i := range all {
			if all[i].Text == r.Failed {
				all[i].Runs++
				continue next
			}
		}
		all = append(all, Reason{r.Failed, 1})
	}
	return all
}
