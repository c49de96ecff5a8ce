package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var out = flag.String("out", "", "write the page with all pictures to this directory")

// file is a JSON file of bench, as the tests write it.
type file struct {
	Started   string         `json:"started"`
	Command   []string       `json:"command"`
	Machine   map[string]any `json:"machine"`
	Servers   []object       `json:"servers,omitempty"`
	Scenarios []object       `json:"scenarios,omitempty"`
	Runs      []run          `json:"runs"`
}

type object = map[string]any

type run struct {
	Scenario   string             `json:"scenario"`
	Case       string             `json:"case"`
	Server     string             `json:"server"`
	Repetition int                `json:"repetition"`
	Values     map[string]float64 `json:"values"`
	Failed     string             `json:"failed,omitempty"`
}

// recorded returns a file that bench wrote: fanout and steady, ssed and floor, two runs of half a
// second each.
func recorded(t *testing.T) (f file) {
	t.Helper()
	raw, err := os.ReadFile("testdata/runs.json")
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// put writes files to a new directory and returns the directory.
func put(t *testing.T, files map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range files {
		raw, err := json.MarshalIndent(f, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), raw, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readme runs the command on a directory and returns the page.
func readme(t *testing.T, dir string) string {
	t.Helper()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// peers do a multiple of ssed's work for a delivery, and fail at a given number of subscribers.
var peers = []struct {
	name, version, notes string
	work, memory         float64
	failsAt              float64
}{
	{"nchan", "1.3.7", "nginx module, one worker", 1.5, 18, math.Inf(1)},
	{"sseserver", "1.1.2", "the ancestor", 2.1, 40, math.Inf(1)},
	{"r3labs", "2.10.0", "library; a slow reader blocks all", 6, 33, 10_000},
	{"go-sse", "0.11.0", "library", 3.4, 29, math.Inf(1)},
	{"better-sse", "0.16.1", "Node 24", 2.4, 34, math.Inf(1)},
	{"mercure", "1.0.0-alpha.3", "Caddy, Bolt off", 12, 52, 10_000},
	{"centrifugo", "6.9.1", "uni_sse | JSON around each message", 4.2, 61, math.Inf(1)},
	{"pushpin", "2.0-dev", "GRIP, a backend behind it", 27, 0.9, 1_000},
}

// rich returns the recorded file plus peers and every scenario that has a picture, with computed
// values.
func rich(t *testing.T) file {
	f := recorded(t)
	f.Servers = []object{{"name": "ssed", "version": "0.9 (1234567)", "notes": "`ssed serve` with its defaults"}}
	for _, p := range peers {
		f.Servers = append(f.Servers, object{"name": p.name, "version": p.version, "notes": p.notes})
		for _, r := range f.Runs {
			if r.Server == "ssed" {
				f.Runs = append(f.Runs, slowed(r, p.name, p.work, p.memory))
			}
		}
	}
	f.Servers = append(f.Servers, object{"name": "floor", "notes": "the minimum that one thread must do"})
	f.Scenarios = []object{
		{"name": "fanout", "what": "1,000 subscribers of one namespace, as fast as it goes",
			"cases": []object{{"name": "64 in flight"}, {"name": "1024 in flight"}},
			"goals": []object{{"metric": rate, "least": 0.95}, {"metric": p99, "most": 1.1}}},
		{"name": "steady", "what": "100 messages/s to 1,000 subscribers: cost and latency of a delivery",
			"cases": []object{{"name": "open loop"}}, "goals": []object{{"metric": cpu, "most": 1.1}, {"metric": p99, "most": 1.1}}},
		{"name": "idle", "what": "18,500 subscribers that receive nothing: memory per subscriber", "cases": []object{{"name": "idle"}},
			"goals": []object{{"metric": ofOne, "most": 600, "absolute": true}}},
	}
	idle(&f)
	series(&f, "growth", "subscribers", 10, 100, 1000, 10_000, 19_000)
	series(&f, "payload", "bytes of data", 16, 64, 256, 1024, 4096, 16_384, 65_536)
	series(&f, "namespaces", "namespaces", 1, 100, 1000, 10_000, 100_000)
	series(&f, "depth", "segments", 1, 2, 4, 8, 16)
	series(&f, "sets", "namespaces in the set", 1, 2, 5, 10, 20, 50)
	series(&f, "slow", "% slow readers", 0, 10, 20, 30, 40, 50)
	return f
}

// slowed returns the run of a server that does work times the work of r's server.
func slowed(r run, server string, work, memory float64) run {
	values := map[string]float64{}
	for name, x := range r.Values {
		switch name {
		case rate:
			x /= work
		case cpu, p99, "p50 latency us":
			x *= work
		case "RSS MiB":
			x *= math.Sqrt(memory)
		}
		values[name] = x
	}
	r.Server, r.Values = server, values
	return r
}

func idle(f *file) {
	one := func(server string, repetition int, bytes float64) run {
		return run{"idle", "idle", server, repetition, map[string]float64{ofOne: bytes}, ""}
	}
	f.Runs = append(f.Runs, one("ssed", 0, 588), one("ssed", 1, 596), one("floor", 0, 97), one("floor", 1, 98))
	for _, p := range peers {
		for i := range 2 {
			f.Runs = append(f.Runs, one(p.name, i, 590*p.memory*(1+0.02*float64(i))))
		}
	}
}

// series adds a scenario over an axis. The cost of a delivery falls with subscribers and rises with
// all other quantities.
func series(f *file, name, axis string, xs ...float64) {
	var cases []object
	for i, x := range xs {
		c := fmt.Sprintf("%v %s", x, axis)
		cases = append(cases, object{"name": c, "x": x})
		for repetition := range 2 {
			cost := 100 + 40*float64(i)
			if name == "growth" {
				cost = 90 + 4000/x
			}
			noise := 1 + 0.06*float64(repetition)
			one := func(server string, work float64) run {
				perSec := 9e8 / cost / work / noise
				values := map[string]float64{cpu: cost * work * noise, rate: perSec, p99: 20 * cost * work, "load busy": 0.9}
				values["messages/s"] = perSec / 1000
				return run{name, c, server, repetition, values, ""}
			}
			f.Runs = append(f.Runs, one("ssed", 1), one("floor", 0.93))
			for _, p := range peers {
				r := one(p.name, p.work*(1+0.1*float64(i)))
				if name == "growth" && x >= p.failsAt {
					r.Values, r.Failed = nil, fmt.Sprintf("%v of %v subscribers have all their messages:\noutput of the server: out of | memory", x/2, x)
				}
				f.Runs = append(f.Runs, r)
			}
		}
	}
	f.Scenarios = append(f.Scenarios, object{"name": name, "what": "what changes over " + axis, "cases": cases, "axis": axis,
		"seconds": 0.5, "repeat": 2, "payload": 64})
}
