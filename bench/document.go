package main

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The JSON file: every value of every run, and what it was measured on.
type document struct {
	Started   string   `json:"started"` // RFC 3339
	Command   []string `json:"command"`
	Machine   machine  `json:"machine"`
	Servers   []about  `json:"servers"`
	Scenarios []asked  `json:"scenarios"`
	Runs      []record `json:"runs"`
}

type machine struct {
	Kernel   string `json:"kernel"`
	CPU      string `json:"cpu"`
	CPUs     int    `json:"cpus"`
	Go       string `json:"go"`
	Revision string `json:"revision,omitempty"`
}

// about is what a server says of itself.
type about struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Notes   string `json:"notes,omitempty"` // what is not as its documents have it, and why
}

// asked is a scenario, as it was played.
type asked struct {
	Name         string     `json:"name"`
	What         string     `json:"what"`
	Seconds      float64    `json:"seconds"`
	Repeat       int        `json:"repeat"`
	PayloadBytes int        `json:"payload"`
	Axis         string     `json:"axis,omitempty"`
	Cases        []point    `json:"cases"`
	Goals        []bound    `json:"goals,omitempty"`
	Compare      []contrast `json:"compare,omitempty"`
}

// point is a case, and where on the axis it is.
type point struct {
	Name string `json:"name"`
	X    int    `json:"x,omitempty"`
}

type bound struct {
	Metric   string  `json:"metric"`
	Least    float64 `json:"least,omitempty"`
	Most     float64 `json:"most,omitempty"`
	Absolute bool    `json:"absolute,omitempty"`
	In       string  `json:"in,omitempty"`
	Over     string  `json:"over,omitempty"`
}

type contrast struct {
	Metric string  `json:"metric"`
	Of     string  `json:"of"`
	To     string  `json:"to"`
	Least  float64 `json:"least,omitempty"`
	Most   float64 `json:"most,omitempty"`
	Added  bool    `json:"added,omitempty"` // the difference is meant, not the ratio
}

type record struct {
	Scenario   string             `json:"scenario"`
	Case       string             `json:"case"`
	Server     string             `json:"server"`
	Repetition int                `json:"repetition"`
	Values     map[string]float64 `json:"values"`
	Failed     string             `json:"failed,omitempty"` // why there are no values
}

// tell describes a scenario with the options that it is played with.
func (o options) tell(s scenario) asked {
	a := asked{Name: s.name, What: s.what, Seconds: o.Seconds, Repeat: o.Repeat, PayloadBytes: o.PayloadBytes, Axis: s.axis}
	for i, c := range s.cases {
		p := point{Name: c.name}
		if s.axis != "" {
			p.X = s.xs[i]
		}
		a.Cases = append(a.Cases, p)
	}
	for _, g := range s.goals {
		a.Goals = append(a.Goals, bound{g.metric, g.least, g.most, g.absolute, g.in, g.over})
	}
	for _, c := range s.compare {
		a.Compare = append(a.Compare, contrast{c.metric, c.of, c.to, c.goal.least, c.goal.most, c.goal.added})
	}
	return a
}

// document is what has been measured so far.
func (b *bench) document() (document, error) {
	doc := document{Started: b.started.Format(time.RFC3339), Command: os.Args[1:], Machine: thisMachine(), Scenarios: b.asked}
	for _, spec := range b.all {
		version, err := spec.Version()
		if err != nil {
			return doc, err
		}
		version, notes, _ := strings.Cut(version, "; ")
		doc.Servers = append(doc.Servers, about{spec.Name, version, notes})
	}
	for _, r := range b.runs {
		all := map[string]float64{}
		for _, v := range r.values {
			all[v.metric] = v.number
		}
		doc.Runs = append(doc.Runs, record{r.scenario, r.testCase, r.server, r.repetition, all, r.failed})
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

func thisMachine() machine {
	m := machine{CPUs: runtime.NumCPU(), Go: runtime.Version()}
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
	m.Revision, _ = commit() // none where there is no git
	return m
}
