package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssed/ssed/bench/page/results"
)

// TestShort checks the digits and units of formatted numbers.
func TestShort(t *testing.T) {
	for x, want := range map[float64]string{0: "0.00", 0.951: "0.95", 12.34: "12.3", 663: "663", 9999: "9999", 10_000: "10.0 k",
		323_000: "323 k", 13.1e6: "13.1 M", 2.5e9: "2.50 G", -1536: "-1536", math.NaN(): "-"} {
		if got := short(x); got != want {
			t.Errorf("short(%v) = %q, want %q", x, got, want)
		}
	}
}

// good returns valid options for a short run.
func good() options {
	return options{Scenario: []string{"fanout"}, Server: []string{"floor", "floor"}, Seconds: 0.1, Repeat: 1, ServerCPU: -1, LoadCPU: -1,
		PayloadBytes: 64, Rate: 100, ProbeRate: 50, WindowBytes: 1 << 20}
}

// TestOptionsAreBounded checks that options out of range are rejected.
func TestOptionsAreBounded(t *testing.T) {
	o := good()
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*options){
		"negative time":    func(o *options) { o.Seconds = -1 },
		"negative runs":    func(o *options) { o.Repeat = -1 },
		"a thousand runs":  func(o *options) { o.Repeat = 1000 },
		"too many probes":  func(o *options) { o.ProbeRate = 1e6 },
		"a tiny payload":   func(o *options) { o.PayloadBytes = 3 },
		"a huge payload":   func(o *options) { o.PayloadBytes = 1 << 20 },
		"too many sockets": func(o *options) { o.Subscribers = 20_000 },
		"no rate":          func(o *options) { o.Rate = 0 },
		"negative flight":  func(o *options) { o.InFlight = -1 },
		"no window":        func(o *options) { o.WindowBytes = 0 },
		"too fast":         func(o *options) { o.Rate = rateMax + 1 },
		"no number":        func(o *options) { o.Rate = math.NaN() },
		"a huge flight":    func(o *options) { o.InFlight = inFlightMax + 1 },
		"a huge window":    func(o *options) { o.WindowBytes = windowBytesMax + 1 },
		"a foreign admin":  func(o *options) { o.Admin = "http://192.0.2.1/admin" },
	} {
		o := good()
		if spoil(&o); o.check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestChoose checks the selection of scenarios by name.
func TestChoose(t *testing.T) {
	if all, err := choose([]string{"all"}); err != nil || len(all) != len(scenarios)-6 {
		t.Errorf("all: %d of %d, %v", len(all), len(scenarios), err)
	}
	if two, err := choose([]string{"drain", "idle"}); err != nil || two[0].name != "drain" || two[1].name != "idle" {
		t.Errorf("got %v, %v", two, err)
	}
	if _, err := choose([]string{"fan-out"}); err == nil || !strings.Contains(err.Error(), "fanout") {
		t.Errorf("got %v, want an error that lists the scenarios", err)
	}
}

// TestGoalsNameMetricsAndCases verifies that goals and comparisons refer to cases that exist.
func TestGoalsNameMetricsAndCases(t *testing.T) {
	for _, s := range scenarios {
		cases := map[string]bool{"": true}
		for _, c := range s.cases {
			if cases[c.name] {
				t.Errorf("%s has two cases %q", s.name, c.name)
			}
			cases[c.name] = true
		}
		for _, g := range s.goals {
			if !cases[g.in] || (g.least == 0) == (g.most == 0) {
				t.Errorf("%s: goal %+v", s.name, g)
			}
		}
		for _, c := range s.compare {
			if !cases[c.of] || !cases[c.to] {
				t.Errorf("%s compares %q with %q", s.name, c.of, c.to)
			}
		}
	}
}

// play runs scenarios and returns the runs in their results file.
func play(t *testing.T, o options) []results.Run {
	t.Helper()
	o.JSON = filepath.Join(t.TempDir(), "runs.json")
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	return readRuns(t, o.JSON).Runs
}

func readRuns(t *testing.T, file string) (doc results.Document) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestScenariosRun runs every scenario with few subscribers and for a short time, floor against
// floor. It checks the table and the file, but not the speed.
func TestScenariosRun(t *testing.T) {
	o := good()
	o.Scenario, o.Subscribers = []string{"all"}, 20
	stdout := os.Stdout
	table, err := os.CreateTemp(t.TempDir(), "table")
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = table
	defer func() { os.Stdout = stdout }()
	runs := play(t, o)
	text, _ := os.ReadFile(table.Name())
	all, _ := choose(o.Scenario)
	for _, s := range all {
		if !strings.Contains(string(text), s.name+": "+s.what) {
			t.Errorf("no table of %s in:\n%s", s.name, text)
		}
	}
	for _, r := range runs {
		if r.Server != "floor" && r.Server != "floor#2" {
			t.Errorf("a run of %q", r.Server)
		}
		for _, metric := range []string{deliveriesPerSec, connectionsPerSec, linesPerSec} {
			if rate, ok := r.Values[metric]; ok && !(rate > 0) {
				t.Errorf("%s, %s on %s: %s is %v", r.Scenario, r.Case, r.Server, metric, rate)
			}
		}
	}
}
