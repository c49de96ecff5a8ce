package main

import (
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestLoopsRun runs the scenario with few subscribers and for a short time on the real daemon. It
// checks that the metrics are reported and fit together, but not the speed.
func TestLoopsRun(t *testing.T) {
	testtool.Long(t, "half a minute long")
	o := good()
	o.Scenario, o.Server, o.Seconds, o.Subscribers = []string{"loops"}, []string{"ssed", "floor"}, 0.5, 60
	o.StoreDir = t.TempDir()
	runs := play(t, o)
	if len(runs) != 22 {
		t.Fatalf("%d runs, want 22 of ssed, and none of the floor", len(runs))
	}
	metrics := map[string][]string{
		"one message":      {reachedFirst, reachedHalf, reachedLast, burstsMeasured, fullestLoop, cpuPerDelivery, serverBusy},
		"100 messages/s":   {cpuPerDelivery, latencyP50},
		"64 in flight":     {deliveriesPerSec, cpuPerDelivery, loadBusy},
		"no subscriber":    {rssMiB},
		"idle subscribers": {rssMiB},
		"publish only":     {linesPerSec, cpuPerLine, publishersPerLine},
		"kept":             {cpuPerDelivery, latencyP50},
	}
	for _, r := range runs {
		kind, _, _ := strings.Cut(r.Case, ",")
		kind = strings.TrimSuffix(kind, " with history")
		if len(metrics[kind]) == 0 {
			t.Errorf("no metrics of %q", r.Case)
		}
		v := r.Values
		for _, metric := range metrics[kind] {
			if !(v[metric] > 0) {
				t.Errorf("%s: %s is %v", r.Case, metric, v[metric])
			}
		}
		switch {
		case kind == "publish only" && v[publishersPerLine] > v[cpuPerLine]:
			t.Errorf("%s: the publishers' loop takes more time than the server: %v", r.Case, v)
		case kind == "one message" && (v[reachedFirst] > v[reachedHalf] || v[reachedHalf] > v[reachedLast]):
			t.Errorf("%s: %v", r.Case, v)
		case kind == "one message" && (v[fullestLoop] == 1) != strings.HasSuffix(r.Case, "1 loop"):
			t.Errorf("%s: the fullest loop has %v of the subscribers", r.Case, v[fullestLoop])
		}
		if _, measured := v[storePerMessage]; measured != strings.Contains(r.Case, "NATS") {
			t.Errorf("%s: the CPU time of NATS servers is %v", r.Case, v[storePerMessage])
		}
	}
}
