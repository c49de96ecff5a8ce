package main

import (
	"strings"
	"testing"

	"github.com/ssed/ssed/bench/server"
	"github.com/ssed/ssed/internal/testtool"
)

// TestStoreAndClusterRun runs both scenarios with few subscribers and for a short time, on the real
// daemon and real NATS servers. It checks the reported metrics, but not the speed.
func TestStoreAndClusterRun(t *testing.T) {
	testtool.Long(t, "some seconds long")
	o := good()
	o.Scenario, o.Server, o.Seconds, o.Subscribers = []string{"store", "cluster"}, []string{"ssed", "floor"}, 0.5, 30
	o.StoreDir = t.TempDir()
	runs := play(t, o)
	if len(runs) != 12 {
		t.Fatalf("%d runs, want ten of the store, two of the cluster, and none of the floor", len(runs))
	}
	for _, r := range runs {
		metrics := []string{cpuPerDelivery, deliveriesPerSec, latencyP50}
		switch {
		case strings.Contains(r.Case, "publisher"):
			metrics = []string{linesPerSec, cpuPerLine}
		case strings.Contains(r.Case, "come back"):
			metrics = []string{caughtUpSeconds, rssKept, bystandersAfter + ": p50 ms"}
		}
		for _, metric := range metrics {
			if !(r.Values[metric] > 0) {
				t.Errorf("%s, %s: %s is %v", r.Scenario, r.Case, metric, r.Values[metric])
			}
		}
		if _, told := r.Values[storeOnDisk]; told == strings.Contains(r.Case, "history") {
			t.Errorf("%s, %s: %q reported: %v", r.Scenario, r.Case, storeOnDisk, told)
		}
	}
	// A run fails if a subscriber misses a message, so this ratio is the ratio of the subscribers.
	one, three := runs[10].Values, runs[11].Values
	if ratio := three[deliveriesPerSec] / one[deliveriesPerSec]; ratio < 2 || ratio > 4 {
		t.Errorf("three daemons deliver %v times as much as one: %v and %v", ratio, one, three)
	}
}

// TestComparisonsAreRatiosOrDifferences checks both kinds of comparison. Each is the median over
// the pairs of runs of the same turn.
func TestComparisonsAreRatiosOrDifferences(t *testing.T) {
	s := scenario{name: "kept", cases: []testCase{{name: "with"}, {name: "without"}}, compare: []comparison{
		{latencyP50, "with", "without", goal{most: 1000, added: true}}, {latencyP50, "with", "without", goal{most: 2}}}}
	b := &bench{options: options{Repeat: 3}, specs: []server.Spec{{Name: "sound"}}}
	for i, pair := range [][2]float64{{500, 400}, {900, 300}, {450, 300}} {
		b.runs = append(b.runs, result{"kept", "with", "sound", i, values{{latencyP50, pair[0]}}, ""},
			result{"kept", "without", "sound", i, values{{latencyP50, pair[1]}}, ""})
	}
	b.runs = append(b.runs, result{"kept", "with", "sound", 3, values{{latencyP50, 1e6}}, ""}) // without a partner
	var table strings.Builder
	b.table(&table, s)
	text := strings.Join(strings.Fields(table.String()), " ")
	for _, want := range []string{"with - without 150 added <= 1000", "with / without 1.50 ratio <= 2.00"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table does not say %q:\n%s", want, table.String())
		}
	}
}
