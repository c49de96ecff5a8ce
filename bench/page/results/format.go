package results

import "time"

// Document is the content of one JSON file of the bench. The bench writes it, and [Read] reads it.
type Document struct {
	File
	Servers   []Server   `json:"servers"`
	Scenarios []Scenario `json:"scenarios"`
	Runs      []Run      `json:"runs"`
}

// File describes when and where the values of a file were measured.
type File struct {
	Name    string   `json:"-"`
	Started string   `json:"started"` // RFC 3339
	Command []string `json:"command"` // the arguments of bench
	Machine Machine  `json:"machine"`
}

// Machine describes the machine that bench ran on.
type Machine struct {
	Kernel   string `json:"kernel"`
	CPU      string `json:"cpu"`
	CPUs     int    `json:"cpus"`
	Go       string `json:"go"`
	Revision string `json:"revision,omitempty"` // of bench, and of the ssed that it builds
}

// Server is one column of bench's tables.
type Server struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Notes   string `json:"notes,omitempty"` // differences from its documented defaults, and the reasons
}

// Scenario is one question about the servers, with its cases.
type Scenario struct {
	Name string `json:"name"`
	What string `json:"what"`
	Play
	Plays   []Play       `json:"-"`              // of all files that contain the scenario
	Axis    string       `json:"axis,omitempty"` // the meaning of X, if the cases are a series
	Cases   []Case       `json:"cases"`
	Goals   []Goal       `json:"goals,omitempty"`
	Compare []Comparison `json:"compare,omitempty"`
}

// Play holds the options that a scenario was run with in one file.
type Play struct {
	File         string  `json:"-"`
	Seconds      float64 `json:"seconds"`               // of each run
	Repeat       int     `json:"repeat"`                // runs of each server and case
	PayloadBytes int     `json:"payload"`               // of each message's data
	Subscribers  int     `json:"subscribers,omitempty"` // instead of the scenario's own number, if not 0
}

// Case is one way to run a scenario, and its position on the scenario's axis.
type Case struct {
	Name string  `json:"name"`
	X    float64 `json:"x,omitempty"`
}

// Bound is a lower or an upper bound of a number. A bound of 0 does not apply.
type Bound struct {
	Least float64 `json:"least,omitempty"`
	Most  float64 `json:"most,omitempty"`
}

// Goal is a bound on a metric of ssed: on its value, or on its ratio to another server.
type Goal struct {
	Metric string `json:"metric"`
	Bound
	Absolute bool   `json:"absolute,omitempty"`
	In       string `json:"in,omitempty"`   // the case, or all cases if empty
	Over     string `json:"over,omitempty"` // the server that the ratio is to, or the reference if empty
}

// Comparison compares a metric in one case with the same metric in another case, on the same
// server. It is their ratio, or their difference if Added is set.
type Comparison struct {
	Metric string `json:"metric"`
	Of     string `json:"of"`
	To     string `json:"to"`
	Bound
	Added bool `json:"added,omitempty"`
}

// Case returns a name for the pair of cases.
func (c Comparison) Case() string {
	if c.Added {
		return c.Of + " minus " + c.To
	}
	return c.Of + " over " + c.To
}

// Run is one run of one case on one server.
type Run struct {
	Scenario   string             `json:"scenario"`
	Case       string             `json:"case"`
	Server     string             `json:"server"`
	Repetition int                `json:"repetition"`
	Values     map[string]float64 `json:"values"`           // by metric
	Failed     string             `json:"failed,omitempty"` // why there are no values
	file       int                // index in Set.Files
}

// began returns when the file was started, or the zero time if the file does not contain it.
func (f File) began() time.Time {
	at, _ := time.Parse(time.RFC3339, f.Started)
	return at
}
