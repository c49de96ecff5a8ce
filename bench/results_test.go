package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ssed/ssed/bench/server"
	"github.com/ssed/ssed/internal/testtool"
)

// TestResults checks the page that is made from a short run.
func TestResults(t *testing.T) {
	git := testtool.Need(t, "git")
	if out, err := exec.Command(git, "rev-parse", "HEAD").CombinedOutput(); err != nil {
		testtool.Lack(t, "git finds no commit, for example in a copy that is not a clone: %v: %s", err, out)
	}
	o := good()
	o.Results, o.Subscribers = t.TempDir(), 20
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	folders, _ := filepath.Glob(filepath.Join(o.Results, "*"))
	if len(folders) != 1 || !regexp.MustCompile(`/\d{4}-\d\d-\d\d-[0-9a-f]{8}(-changed)?$`).MatchString(folders[0]) {
		t.Fatalf("folders %q: want one named after date and commit", folders)
	}
	text, err := os.ReadFile(filepath.Join(folders[0], "README.md"))
	if err != nil || !strings.Contains(string(text), "1,000 subscribers of one namespace") {
		t.Errorf("the page, %v:\n%s", err, text)
	}
	if !strings.Contains(string(text), "`--subscribers 20`") {
		t.Errorf("the page does not show the number of subscribers from the command line:\n%s", text)
	}
	doc := readRuns(t, filepath.Join(folders[0], "runs.json"))
	if len(doc.Servers) != 2 || doc.Servers[0].Version == "" || len(doc.Scenarios) != 1 || len(doc.Runs) != 4 {
		t.Errorf("%+v", doc)
	}
}

// TestResultsAreKept verifies that earlier results of the same day are not overwritten.
func TestResultsAreKept(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"runs.json", "runs-2.json", "runs-3.json"} {
		file, err := fresh(dir)
		if err != nil || filepath.Base(file) != want {
			t.Fatalf("%s, %v: want %s", file, err, want)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFailures runs a scenario in which a peer fails, and then one in which the measured server
// fails.
func TestFailures(t *testing.T) {
	lost := errors.New("subscriber 3: message 17 came where 16 was due\noutput of the server: much")
	s := scenario{name: "fragile", cases: []testCase{{"only", func(_ *bench, spec server.Spec) (values, error) {
		if spec.Name == "frail" {
			return nil, lost
		}
		return values{{deliveriesPerSec, 5}}, nil
	}}}}
	b := &bench{options: options{Repeat: 2}, specs: []server.Spec{{Name: "sound"}, {Name: "frail", Peer: true}}}
	if err := b.scenario(s); err != nil {
		t.Fatalf("the failure of a peer stopped the bench: %v", err)
	}
	file := filepath.Join(t.TempDir(), "runs.json")
	if err := b.writeJSON(file); err != nil {
		t.Fatal(err)
	}
	failed, good := 0, 0
	for _, r := range readRuns(t, file).Runs {
		switch {
		case r.Server == "frail" && r.Failed == "subscriber 3: message 17 came where 16 was due" && len(r.Values) == 0:
			failed++
		case r.Server == "sound" && r.Failed == "" && r.Values[deliveriesPerSec] == 5:
			good++
		}
	}
	if failed != 2 || good != 2 {
		t.Errorf("%d failed and %d good runs, want 2 of each", failed, good)
	}
	var table strings.Builder
	b.table(&table, s)
	if !strings.Contains(table.String(), "failed: only, frail, run 2: subscriber 3") {
		t.Errorf("the failure is not in the table:\n%s", table.String())
	}
	b.specs = []server.Spec{{Name: "frail"}}
	if err := b.scenario(s); !errors.Is(err, lost) {
		t.Errorf("got %v: want the error of the server itself", err)
	}
}
