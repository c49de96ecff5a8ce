package results

import (
	"math"
	"slices"
)

// Loss is a number in which another server is better than the subject.
type Loss struct {
	Scenario, Case string
	Metric         Metric
	Server         string
	Other, Subject float64 // medians
	Ratio          float64 // of the other to the subject, or NaN
	Quotient       bool    // the medians are ratios of two cases
	Chance         bool    // the runs of the two overlap or are too few, so the loss may be chance
	SubjectFailed  bool    // all runs of the subject failed
}

// Losses compares the subject with the others in all metrics that have a better direction. It
// returns the losses of the subject and the number of comparisons.
func (s *Set) Losses(others ...string) (losses []Loss, of int) {
	for _, scenario := range s.Scenarios {
		for _, c := range scenario.Cases {
			for _, metric := range s.Metrics(scenario, c.Name) {
				for _, other := range others {
					l := Loss{Scenario: scenario.Name, Case: c.Name, Metric: metric, Server: other}
					of += l.hold(s.Of(scenario.Name, c.Name, other, metric.Name), s.Of(scenario.Name, c.Name, s.Subject(), metric.Name), &losses)
				}
			}
			losses = append(losses, s.failedAlone(scenario.Name, c.Name, others)...)
		}
		for _, c := range scenario.Compare {
			for _, other := range others {
				l := Loss{Scenario: scenario.Name, Case: c.Case(), Metric: c.metric(), Server: other, Quotient: !c.Added}
				of += l.hold(s.Compared(scenario.Name, c, other), s.Compared(scenario.Name, c, s.Subject()), &losses)
			}
		}
	}
	return losses, of
}

// metric returns the compared metric. The bound determines which direction is better.
func (c Comparison) metric() Metric {
	m := Lookup(c.Metric)
	switch {
	case c.Least != 0:
		m.Better = More
	case c.Most != 0:
		m.Better = Less
	}
	return m
}

// hold compares the samples and adds l to the losses if the other server is better. It returns the
// number of comparisons: 1, or 0 if there is nothing to compare.
func (l Loss) hold(other, subject Samples, losses *[]Loss) int {
	if len(other) == 0 || len(subject) == 0 || l.Metric.Better == Neither {
		return 0
	}
	l.Other, l.Subject, l.Ratio = other.Median(), subject.Median(), other.Ratio(subject)
	l.Chance = other.overlaps(subject)
	more, even := l.Other-l.Subject, 0.0
	if !math.IsNaN(l.Ratio) && l.Other > 0 && l.Subject > 0 {
		more, even = l.Ratio, 1
	}
	if l.Metric.Better == More && more > even || l.Metric.Better == Less && more < even {
		*losses = append(*losses, l)
	}
	return 1
}

// failedAlone returns the servers that succeeded in a case in which all runs of the subject failed.
func (s *Set) failedAlone(scenario, testCase string, others []string) (losses []Loss) {
	if all, failed := s.Ran(scenario, testCase, s.Subject()); all == 0 || failed < all {
		return nil
	}
	for _, other := range others {
		if all, failed := s.Ran(scenario, testCase, other); failed < all {
			losses = append(losses, Loss{Scenario: scenario, Case: testCase, Server: other, SubjectFailed: true})
		}
	}
	return losses
}

// Clear returns the losses that are not due to chance.
func Clear(losses []Loss) []Loss {
	return slices.DeleteFunc(slices.Clone(losses), func(l Loss) bool { return l.Chance })
}

// Doubtful returns the losses that may be due to chance.
func Doubtful(losses []Loss) []Loss {
	return slices.DeleteFunc(slices.Clone(losses), func(l Loss) bool { return !l.Chance })
}
