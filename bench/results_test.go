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

// TestResults has a page made of a short run.
func TestResults(t *testing.T) {
	git := testtool.Need(t, "git")
	if out, err := exec.Command(git, "rev-parse", "HEAD").CombinedOutput(); err != nil {
		testtool.Lack(t, "git knows no commit here, as in a copy that is not a clone: %v: %s", err, out)
	}
	o := good()
	o.Results, o.Subscribers = t.TempDir(), 20
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	folders, _ := filepath.Glob(filepath.Join(o.Results, "*"))
	if len(folders) != 1 || !regexp.MustCompile(`/\d{4}-\d\d-\d\d-[0-9a-f]{8}(-changed)?$`).MatchString(folders[0]) {
		t.Fatalf("folders %q: want one that tells date and commit", folders)
	}
	text, err := os.ReadFile(filepath.Join(folders[0], "README.md"))
	if err != nil || !strings.Contains(string(text), "1,000 subscribers of one namespace") {
		t.Errorf("the page, %v:\n%s", err, text)
	}
	if !strings.Contains(string(text), "`--subscribers 20`") {
		t.Errorf("the page does not say how many subscribers were asked for:\n%s", text)
	}
	doc := readRuns(t, filepath.Join(folders[0], "runs.json"))
	if len(doc.Servers) != 2 || doc.Servers[0].Version == "" || len(doc.Scenarios) != 1 || len(doc.Runs) != 4 {
		t.Errorf("%+v", doc)
	}
}

// TestResultsAreKept: what was measured before, on the same day, is not written over.
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

// TestFailures plays a scenario that a peer does not get through, and then the server itself.
func TestFailures(t *testing.T) {
	lost := errors.New("subscriber 3: message 17 came where 16 was due\nthe server said: much")
	s := scenario{name: "fragile", cases: []testCase{{"only", func(_ *bench, spec server.Spec) (values, error) {
		if spec.Name == "frail" {
			return nil, lost
		}
		return values{{deliveriesPerSec, 5}}, nil
	}}}}
	b := &bench{options: options{Repeat: 2}, specs: []server.Spec{{Name: "sound"}, {Name: "frail", Peer: true}}}
	if err := b.scenario(s); err != nil {
		t.Fatalf("a peer's failure ended the bench: %v", err)
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
		t.Errorf("the failure is not told:\n%s", table.String())
	}
	b.specs = []server.Spec{{Name: "frail"}}
	if err := b.scenario(s); !errors.Is(err, lost) {
		t.Errorf("got %v: want ssed's own failure to end it", err)
	}
}
