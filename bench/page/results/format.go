package results

import "time"

// Document is what one JSON file of the bench says. The bench writes it, and [Read] reads it.
type Document struct {
	File
	Servers   []Server   `json:"servers"`
	Scenarios []Scenario `json:"scenarios"`
	Runs      []Run      `json:"runs"`
}

// File is when and where the values of a file were measured.
type File struct {
	Name    string   `json:"-"`
	Started string   `json:"started"` // RFC 3339
	Command []string `json:"command"` // the arguments of bench
	Machine Machine  `json:"machine"`
}

// Machine is where bench ran.
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
	Notes   string `json:"notes,omitempty"` // what differs from its documented defaults, and why
}

// Scenario is one question, asked in its cases.
type Scenario struct {
	Name string `json:"name"`
	What string `json:"what"`
	Play
	Plays   []Play       `json:"-"`              // of all files that have it
	Axis    string       `json:"axis,omitempty"` // what X counts, if the cases are a series
	Cases   []Case       `json:"cases"`
	Goals   []Goal       `json:"goals,omitempty"`
	Compare []Comparison `json:"compare,omitempty"`
}

// Play is how a scenario was played in one file.
type Play struct {
	File         string  `json:"-"`
	Seconds      float64 `json:"seconds"`               // of each run
	Repeat       int     `json:"repeat"`                // runs of each server and case
	PayloadBytes int     `json:"payload"`               // of each message's data
	Subscribers  int     `json:"subscribers,omitempty"` // instead of the scenario's own number, if not 0
}

// Case is one way of asking, and its place on the scenario's axis.
type Case struct {
	Name string  `json:"name"`
	X    float64 `json:"x,omitempty"`
}

// Bound is what a goal asks of a number: at least, or at most, if not 0.
type Bound struct {
	Least float64 `json:"least,omitempty"`
	Most  float64 `json:"most,omitempty"`
}

// Goal is a bound on a metric of ssed: as it is, or as a ratio to another server.
type Goal struct {
	Metric string `json:"metric"`
	Bound
	Absolute bool   `json:"absolute,omitempty"`
	In       string `json:"in,omitempty"`   // the case, or all
	Over     string `json:"over,omitempty"` // the server that the ratio is to, or the reference
}

// Comparison is a metric in one case over the same in another, on the same server: their ratio, or
// what the one has added to the other.
type Comparison struct {
	Metric string `json:"metric"`
	Of     string `json:"of"`
	To     string `json:"to"`
	Bound
	Added bool `json:"added,omitempty"`
}

// Case names the pair as if it were one case.
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
	file       int                // of Set.Files
}

// began is the zero time where the file does not say.
func (f File) began() time.Time {
	at, _ := time.Parse(time.RFC3339, f.Started)
	return at
}
