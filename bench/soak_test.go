package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssed/ssed/bench/server"
	"github.com/ssed/ssed/internal/testtool"
)

// TestSoakAndResponsiveRun runs both scenarios with few subscribers and for a short time on the
// real daemon. It checks the reported metrics, but not the speed.
func TestSoakAndResponsiveRun(t *testing.T) {
	testtool.Long(t, "some seconds long")
	o := good()
	o.Scenario, o.Server, o.Seconds, o.Subscribers, o.InFlight = []string{"soak", "responsive"}, []string{"ssed", "floor"}, 1, 100, 16
	runs := play(t, o)
	if len(runs) != 4 {
		t.Fatalf("%d runs, want one of the soak, three of responsive, and none of the floor", len(runs))
	}
	soak := runs[0].Values
	for _, metric := range []string{published, verified, opened, endedLeft, endedReset, rssAtTenth, rssAtEnd, rssAfter,
		pacedFirst + ": p50 ms", pacedLast + ": p99 ms", closedFirst + ": p50 ms", closedLast + ": p99 ms"} {
		if !(soak[metric] > 0) {
			t.Errorf("soak: %s is %v", metric, soak[metric])
		}
	}
	if soak[steadyVerified] != 40 || soak[filesAfter] > soak[filesBefore] || soak[filesMost] < soak[filesBefore]+40 {
		t.Errorf("soak: %v", soak)
	}
	for _, r := range runs[1:] {
		for _, metric := range []string{acceptLatency.p99, pingLatency.max, idleAccept.p50, idlePing.p50, deliveriesPerSec} {
			if !(r.Values[metric] > 0) {
				t.Errorf("%s, %s: %s is %v", r.Scenario, r.Case, metric, r.Values[metric])
			}
		}
		if _, asked := r.Values[adminLatency.p99]; asked == (r.Values[noAdmin] == 1) {
			t.Errorf("%s: admin latencies and the metric no admin: want exactly one of them: %v", r.Case, r.Values)
		}
	}
}

// TestSoakFailsWithTheDaemon verifies that the soak fails when the daemon is killed.
func TestSoakFailsWithTheDaemon(t *testing.T) {
	testtool.Long(t, "some seconds long")
	dir := t.TempDir()
	specs, err := server.Build(dir, []string{"ssed"})
	if err != nil {
		t.Fatal(err)
	}
	dying := filepath.Join(dir, "dying")
	script := fmt.Sprintf("#!/bin/sh\n%s \"$@\" &\nsleep 1.5\nkill -9 $!\n", specs[0].Path)
	if err := os.WriteFile(dying, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	o := good()
	o.Scenario, o.Server, o.Seconds, o.Subscribers = []string{"soak"}, []string{dying}, 20, 50
	if err := run(o); err == nil || !strings.HasPrefix(err.Error(), "soak: ") {
		t.Fatalf("the daemon was killed, and the soak returned %v", err)
	}
}

// TestLongScenariosOnlyByName checks that "all" excludes the long scenarios, and checks their
// limits and defaults.
func TestLongScenariosOnlyByName(t *testing.T) {
	all, err := choose([]string{"all"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.name == "soak" || s.name == "responsive" || s.name == "resume" {
			t.Errorf("all contains %s", s.name)
		}
	}
	soak, err := choose([]string{"soak"})
	if err != nil {
		t.Fatal(err)
	}
	if o, err := (options{}).in(soak[0]); err != nil || o.Seconds != 600 || o.Repeat != 1 {
		t.Errorf("soak takes %v s, %d times, %v", o.Seconds, o.Repeat, err)
	}
	if o, err := (options{}).in(all[0]); err != nil || o.Seconds != 5 || o.Repeat != 3 {
		t.Errorf("%s takes %v s, %d times, %v", all[0].name, o.Seconds, o.Repeat, err)
	}
	if _, err := (options{Seconds: 600}).in(all[0]); err == nil {
		t.Errorf("%s accepted ten minutes", all[0].name)
	}
	if _, err := (options{Seconds: 86400}).in(soak[0]); err == nil {
		t.Error("the soak accepted a day")
	}
	specs := []server.Spec{{Name: "ssed", Namespaces: true}, {Name: "floor"}}
	if got := soak[0].applicable(specs); len(got) != 1 || got[0].Name != "ssed" || len(all[0].applicable(specs)) != 2 {
		t.Errorf("the soak applies to %v", got)
	}
}
