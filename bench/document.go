package main

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/bench/page/results"
)

// describe returns a scenario's part of the document: its cases and goals, and the options that it
// was run with.
func (o options) describe(s scenario) results.Scenario {
	scenario := results.Scenario{Name: s.name, What: s.what, Axis: s.axis,
		Play: results.Play{Seconds: o.Seconds, Repeat: o.Repeat, PayloadBytes: o.PayloadBytes, Subscribers: o.Subscribers}}
	for i, c := range s.cases {
		testCase := results.Case{Name: c.name}
		if s.axis != "" {
			testCase.X = float64(s.xs[i])
		}
		scenario.Cases = append(scenario.Cases, testCase)
	}
	for _, g := range s.goals {
		scenario.Goals = append(scenario.Goals, results.Goal{Metric: g.metric, Bound: g.bound(), Absolute: g.absolute, In: g.in, Over: g.over})
	}
	for _, c := range s.compare {
		scenario.Compare = append(scenario.Compare, results.Comparison{Metric: c.metric, Of: c.of, To: c.to, Bound: c.goal.bound(), Added: c.goal.added})
	}
	return scenario
}

func (g goal) bound() results.Bound { return results.Bound{Least: g.least, Most: g.most} }

// document returns everything that has been measured so far.
func (b *bench) document() (results.Document, error) {
	doc := results.Document{
		File:      results.File{Started: b.started.Format(time.RFC3339), Command: os.Args[1:], Machine: thisMachine()},
		Scenarios: b.asked,
	}
	for _, spec := range b.all {
		version, err := spec.Version()
		if err != nil {
			return doc, err
		}
		version, notes, _ := strings.Cut(version, "; ")
		doc.Servers = append(doc.Servers, results.Server{Name: spec.Name, Version: version, Notes: notes})
	}
	for _, r := range b.runs {
		all := map[string]float64{}
		for _, v := range r.values {
			all[v.metric] = v.number
		}
		doc.Runs = append(doc.Runs, results.Run{Scenario: r.scenario, Case: r.testCase, Server: r.server, Repetition: r.repetition,
			Values: all, Failed: r.failed})
	}
	return doc, nil
}

func (b *bench) writeJSON(path string) error {
	doc, err := b.document()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func thisMachine() results.Machine {
	m := results.Machine{CPUs: runtime.NumCPU(), Go: runtime.Version()}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, what, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				m.CPU = strings.TrimSpace(what)
				break
			}
		}
	}
	m.Revision, _ = commit() // empty without git
	return m
}
