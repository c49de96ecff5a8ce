package main

import (
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestResumeRuns runs the scenario with few subscribers and for a short time on the real daemon. It
// checks the reported metrics, but not the speed.
func TestResumeRuns(t *testing.T) {
	testtool.Long(t, "some seconds long")
	o := good()
	o.Scenario, o.Server, o.Seconds, o.Subscribers = []string{"resume"}, []string{"ssed"}, 0.3, 50
	runs := play(t, o)
	if len(runs) != 6 {
		t.Fatalf("%d runs, want 6", len(runs))
	}
	for i, metrics := range [][]string{
		{rssEmpty, rssKept, frameBytes, caughtUpSeconds, liveSeconds, rssComeback, rssLive, bystandersAfter + ": p99 ms"},
		{replaysOfAll, replayedPerSec, pingBefore.p99, pingDuring.p99, bystandersBefore + ": p99 ms", bystandersDuring + ": p99 ms"},
		{cpuPerDelivery}, {cpuPerDelivery}, {cpuPerLine}, {cpuPerLine},
	} {
		for _, metric := range metrics {
			if !(runs[i].Values[metric] > 0) {
				t.Errorf("%s: %s is %v", runs[i].Case, metric, runs[i].Values[metric])
			}
		}
	}
}
