package results

// Above these, a run is not taken at its word. DisturbedAbove is the part of the time in which
// something else had the processor of server or load, as in bench's own tables; LimitAbove the part
// in which the load was busy.
const (
	DisturbedAbove = 0.05
	LimitAbove     = 0.95
)

// The metrics that say how far a run can be trusted.
const (
	serverDisturbed = "server disturbed"
	loadDisturbed   = "load disturbed"
	loadBusy        = "load busy"
)

// Disturbed counts the runs of a case on a server in which something else had a processor, and all
// that did not fail. An empty name means all.
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

// disturbed is the part of the time in which server or load were kept from their processors,
// whichever is more.
func (r Run) disturbed() float64 {
	return max(r.Values[serverDisturbed], r.Values[loadDisturbed])
}

// LoadWasLimit says whether the load had hardly a moment left in the median run: then the server
// might do more.
func (s *Set) LoadWasLimit(scenario, testCase, server string) bool {
	return s.Of(scenario, testCase, server, loadBusy).Median() > LimitAbove
}

// Failure is why runs of a case on a server did not come through.
type Failure struct {
	Case, Server string
	Failed, Of   int
	Reasons      []Reason
}

// Reason is one reason, and how many runs gave it.
type Reason struct {
	Text string
	Runs int
}

// Failures lists those of a scenario, by case, then by server.
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
