package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestResumeRuns plays it, small and short, on the real daemon, and looks at what it reports, not at speed.
func TestResumeRuns(t *testing.T) {
	testtool.Long(t, "some seconds long")
	o := good()
	o.Scenario, o.Server, o.Seconds, o.Subscribers = []string{"resume"}, []string{"ssed"}, 0.3, 50
	o.JSON = filepath.Join(t.TempDir(), "runs.json")
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	var doc document
	raw, err := os.ReadFile(o.JSON)
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil || len(doc.Runs) != 6 {
		t.Fatalf("%d runs, %v", len(doc.Runs), err)
	}
	for i, metrics := range [][]string{
		{rssEmpty, rssKept, frameBytes, caughtUpSeconds, liveSeconds, rssComeback, rssLive, bystandersAfter + ": p99 ms"},
		{replaysOfAll, replayedPerSec, pingBefore.p99, pingDuring.p99, bystandersBefore + ": p99 ms", bystandersDuring + ": p99 ms"},
		{cpuPerDelivery}, {cpuPerDelivery}, {cpuPerLine}, {cpuPerLine},
	} {
		for _, metric := range metrics {
			if !(doc.Runs[i].Values[metric] > 0) {
				t.Errorf("%s: %s is %v", doc.Runs[i].Case, metric, doc.Runs[i].Values[metric])
			}
		}
	}
}
