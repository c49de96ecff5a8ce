package results

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// State is the result of a goal.
type State int

// The zero State is NotMeasured.
const (
	NotMeasured State = iota
	NotReached
	Reached
)

// Verdict is the result of a goal in one case.
type Verdict struct {
	Bound
	Scenario, Case string
	Metric         Metric
	Ratio          bool   // Measured is a ratio
	Over           string // the ratio is to this server; empty for a comparison of cases
	Measured       float64
	State          State
	Why            string // the reason, if nothing was measured or Measured is not the reason
	Disturbed, Of  int    // runs of the subject and the reference
	LoadWasLimit   bool   // on both sides, so the ratio tends to 1 for any server
	Instead        string // if LoadWasLimit: a metric that is valid, if there is one
}

// Verdicts judges every goal of every scenario that was run. Comparisons and goals without a bound
// are only for information and have no verdict.
func (s *Set) Verdicts() (all []Verdict) {
	for _, scenario := range s.Scenarios {
		for _, goal := range scenario.Goals {
			if goal.Bound == (Bound{}) {
				continue
			}
			for _, c := range scenario.Cases {
				if goal.In == c.Name || goal.In == "" && s.asks(scenario, c, goal.Metric) {
					all = append(all, s.verdict(scenario, c, goal))
				}
			}
		}
		for _, c := range scenario.Compare {
			if c.Bound != (Bound{}) {
				all = append(all, s.comparison(scenario, c))
			}
		}
	}
	return all
}

// asks reports whether a goal for all cases applies to a case. It does not if other cases report
// the metric and this case does not.
func (s *Set) asks(scenario Scenario, c Case, metric string) bool {
	subject := Run{Scenario: scenario.Name, Server: s.Subject()}
	here := subject
	here.Case = c.Name
	return slices.Contains(s.reported(here), metric) || !slices.Contains(s.reported(subject), metric)
}

func (s *Set) verdict(scenario Scenario, c Case, goal Goal) Verdict {
	v := Verdict{Bound: goal.Bound, Scenario: scenario.Name, Case: c.Name, Metric: Lookup(goal.Metric), Ratio: !goal.Absolute}
	of := s.Of(scenario.Name, c.Name, s.Subject(), goal.Metric)
	s.doubt(&v, c.Name, s.Subject())
	if goal.Absolute {
		v.Measured = of.Median()
		s.limit(&v, c.Name, c.Name, s.Subject())
		return s.judged(v, c.Name)
	}
	v.Over = cmp.Or(goal.Over, s.Reference())
	v.Measured = of.Ratio(s.Of(scenario.Name, c.Name, v.Over, goal.Metric))
	if v.Over != s.Subject() {
		s.doubt(&v, c.Name, v.Over)
	}
	s.limit(&v, c.Name, c.Name, v.Over)
	return s.judged(v, c.Name)
}

func (s *Set) comparison(scenario Scenario, c Comparison) Verdict {
	v := Verdict{Bound: c.Bound, Scenario: scenario.Name, Case: c.Case(), Metric: Lookup(c.Metric), Ratio: !c.Added}
	v.Measured = s.Compared(scenario.Name, c, s.Subject()).Median()
	s.doubt(&v, c.Of, s.Subject())
	s.doubt(&v, c.To, s.Subject())
	s.limit(&v, c.Of, c.To, s.Subject())
	return s.judged(v, c.Of, c.To)
}

func (s *Set) doubt(v *Verdict, testCase, server string) {
	n, of := s.Disturbed(v.Scenario, testCase, server)
	v.Disturbed, v.Of = v.Disturbed+n, v.Of+of
}

// limit marks a metric that the load measures, if the load was the limit. The server's CPU is not
// such a metric.
func (s *Set) limit(v *Verdict, testCase, otherCase, other string) {
	if !strings.HasSuffix(v.Metric.Name, "/s") && !strings.Contains(v.Metric.Name, "latency") {
		return
	}
	v.LoadWasLimit = s.LoadWasLimit(v.Scenario, testCase, s.Subject()) && s.LoadWasLimit(v.Scenario, otherCase, other)
	if !v.LoadWasLimit {
		return
	}
	reported := s.reported(Run{Scenario: v.Scenario, Case: testCase})
	if i := slices.IndexFunc(reported, func(name string) bool { return strings.HasPrefix(name, "server CPU ") }); i >= 0 {
		v.Instead = Lookup(reported[i]).Title
	}
}

// judged compares the measured value with the bound. A goal with failed runs is not reached, even
// if the other runs reach it.
func (s *Set) judged(v Verdict, cases ...string) Verdict {
	for _, c := range cases {
		if _, failed := s.Ran(v.Scenario, c, s.Subject()); failed > 0 {
			v.State, v.Why = NotReached, "runs failed"
			return v
		}
	}
	switch {
	case math.IsNaN(v.Measured):
		v.Why = "no such runs"
	case v.Least != 0 && v.Measured < v.Least, v.Most != 0 && v.Measured > v.Most:
		v.State = NotReached
	default:
		v.State = Reached
	}
	return v
}
