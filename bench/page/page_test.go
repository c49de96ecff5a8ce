package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tiny returns a file with one scenario and one metric, and the values of each server's runs. JSON
// has no NaN, so -1 means a run that failed.
func tiny(metric string, numbers map[string][]float64) file {
	f := file{Started: "2026-11-23T00:46:25Z", Command: []string{"fanout", "--json", "/a/dir/x.json"},
		Machine: object{"kernel": "6.1", "cpu": "Some | CPU", "cpus": 2}}
	for _, server := range []string{"ssed", "r3labs", "nchan", "floor"} {
		for i, x := range numbers[server] {
			r := run{"fanout", "64 in flight", server, i, map[string]float64{metric: x}, ""}
			if x < 0 {
				r.Values, r.Failed = nil, "no answer in 10s\noutput of the server: a | b <c>"
			}
			f.Runs = append(f.Runs, r)
		}
	}
	return f
}

func want(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(page, line) {
			t.Errorf("the page does not contain %q:\n%s", line, page)
		}
	}
}

func wantNot(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if strings.Contains(page, line) {
			t.Errorf("the page contains %q:\n%s", line, page)
		}
	}
}

// TestNumbersAreMediansAndPairedRatios checks the numbers, ratios and spreads in a table.
func TestNumbersAreMediansAndPairedRatios(t *testing.T) {
	// ssed has a median of 200 and a spread of 200/200. Its runs are 0.5, 0.5 and 1.5 of the
	// floor's, while the quotient of the medians is 0.67.
	page := readme(t, put(t, map[string]any{"x.json": tiny(rate, map[string][]float64{
		"ssed": {100, 200, 300}, "floor": {200, 400, 200}})}))
	want(t, page,
		"| **ssed** | 200<br><sub>×0.50&nbsp;·&nbsp;100&nbsp;%</sub> |",
		"| floor | 200<br><sub>100&nbsp;%</sub> |",
		"go run -C bench . fanout --results bench/results\n",
		"Some \\| CPU")
	wantNot(t, page, "/a/dir")
}

// TestFailedRunKeepsItsPair verifies that runs are paired by repetition if some failed.
func TestFailedRunKeepsItsPair(t *testing.T) {
	// The second pair is 300 to 600. If runs were paired by their order, it would be 300 to 100.
	f := tiny(rate, map[string][]float64{"ssed": {50, 50}, "r3labs": {-1, 300}, "nchan": {-1, -1}, "floor": {100, 600}})
	f.Runs[4].Values = map[string]float64{rate: 1e6} // values of a failed run do not count
	page := readme(t, put(t, map[string]any{"x.json": f}))
	want(t, page,
		"| r3labs | **300**<br><sub>×0.50&nbsp;·&nbsp;✗&nbsp;1&nbsp;of&nbsp;2&nbsp;failed</sub> |",
		"| nchan | ✗ failed |",
		"- r3labs: failed 1 of 2: no answer in 10s output of the server: a \\| b &lt;c&gt;\n",
		"- nchan: failed 2 of 2: no answer",
		"- Failed: 3 of 8 runs")
}

// TestGoals checks the verdicts on goals.
func TestGoals(t *testing.T) {
	goals := func(all ...object) []object {
		return []object{{"name": "fanout", "what": "much", "cases": []object{{"name": "64 in flight"}}, "goals": all}}
	}
	for name, test := range map[string]struct {
		goal    object
		numbers map[string][]float64
		want    string
	}{
		"a ratio that is reached": {object{"metric": rate, "least": 0.95},
			map[string][]float64{"ssed": {96}, "floor": {100}}, "| at least 0.95 of the floor | 0.96 | ✓ reached |"},
		"a ratio that is not": {object{"metric": rate, "least": 0.95},
			map[string][]float64{"ssed": {94}, "floor": {100}}, "| at least 0.95 of the floor | 0.94 | ✗ **not reached** |"},
		"the bound itself": {object{"metric": rate, "most": 1.5},
			map[string][]float64{"ssed": {150}, "floor": {100}}, "| at most 1.50 of the floor | 1.50 | ✓ reached |"},
		"an own value": {object{"metric": rate, "most": 2000.0, "absolute": true},
			map[string][]float64{"ssed": {3000}}, "| at most 2.00k | 3.00k | ✗ **not reached** |"},
		"a ratio to another server": {object{"metric": rate, "least": 40.0, "over": "nchan"},
			map[string][]float64{"ssed": {500}, "nchan": {10}, "floor": {600}}, "| at least 40.0 of nchan | 50.0 | ✓ reached |"},
		"a ratio to a missing server": {object{"metric": rate, "least": 40.0, "over": "nchan"},
			map[string][]float64{"ssed": {500}, "floor": {600}}, "| at least 40.0 of nchan | – | not measured: no such runs |"},
		"in another case": {object{"metric": rate, "least": 1.0, "in": "elsewhere"},
			map[string][]float64{"ssed": {3000}}, "- Failed: 0 of 1 run\n"},
		"a metric that is not reported": {object{"metric": "lines/s", "least": 1.0, "absolute": true},
			map[string][]float64{"ssed": {3000}}, "| – | not measured: no such runs |"},
		"one of ssed's runs failed": {object{"metric": rate, "least": 0.5},
			map[string][]float64{"ssed": {96, -1}, "floor": {100, 100}}, "| 0.96 | ✗ **not reached**: runs failed |"},
		"a goal without a bound": {object{"metric": rate},
			map[string][]float64{"ssed": {96}}, "- Failed: 0 of 1 run\n"},
		"in the summary": {object{"metric": rate, "least": 0.95},
			map[string][]float64{"ssed": {94}, "floor": {100}}, "[Goals](#goals): 0 of 1 reached, 1 not reached"},
	} {
		t.Run(name, func(t *testing.T) {
			f := tiny(rate, test.numbers)
			f.Scenarios = goals(test.goal)
			page := readme(t, put(t, map[string]any{"x.json": f}))
			want(t, page, test.want)
			if strings.HasPrefix(test.want, "- Failed") {
				wantNot(t, page, "## Goals")
			}
		})
	}
}

// TestGoalsOfOtherCases verifies that a goal for all cases ignores cases that do not report its
// metric, unless their runs failed.
func TestGoalsOfOtherCases(t *testing.T) {
	f := tiny(rate, map[string][]float64{"ssed": {3000}})
	f.Runs = append(f.Runs, run{"fanout", "another", "ssed", 0, map[string]float64{p99: 5}, ""})
	f.Scenarios = []object{{"name": "fanout", "what": "much", "cases": []object{{"name": "64 in flight"}, {"name": "another"}},
		"goals": []object{{"metric": rate, "least": 2000.0, "absolute": true}}}}
	want(t, readme(t, put(t, map[string]any{"x.json": f})), "[Goals](#goals): 1 of 1 reached")
}

// TestOneCaseOverAnother checks comparisons of two cases on the same server.
func TestOneCaseOverAnother(t *testing.T) {
	f := tiny(rate, map[string][]float64{"ssed": {100, 100}, "r3labs": {100, 100}})
	for _, r := range slices.Clone(f.Runs) {
		r.Case, r.Values = "200 stalled", map[string]float64{rate: map[string]float64{"ssed": 90, "r3labs": 99}[r.Server]}
		f.Runs = append(f.Runs, r)
	}
	f.Scenarios = []object{{"name": "fanout", "what": "much", "cases": []object{{"name": "64 in flight"}, {"name": "200 stalled"}},
		"compare": []object{{"metric": rate, "of": "200 stalled", "to": "64 in flight", "least": 0.95}}}}
	want(t, readme(t, put(t, map[string]any{"x.json": f})),
		"| deliveries/s: 200 stalled over 64 in flight | 0.90 | 0.99 |",
		"200 stalled over 64 in flight | deliveries/s | at least 0.95 | 0.90 | ✗ **not reached** |",
		"200 stalled over 64 in flight | deliveries/s | r3labs | 0.99 | 0.90 | ×1.10 |")
}

// TestLosses checks the lists of numbers in which another server is better.
func TestLosses(t *testing.T) {
	for name, test := range map[string]struct {
		metric  string
		numbers map[string][]float64
		want    []string
		wantNot []string
	}{
		"a clear one": {rate, map[string][]float64{"ssed": {100, 110}, "nchan": {150, 165}, "floor": {400, 400}},
			[]string{"In 1 of them every run of a peer was better", "| [fanout](#fanout), 64 in flight | deliveries/s | nchan | 158 | 105 | ×1.50 |",
				"The floor is ahead in 1 of 1", "to peers in 1 of 1 comparison, and in 0 more", "| nchan | **158**"}, nil},
		"less is better": {cpu, map[string][]float64{"ssed": {100, 110}, "nchan": {50, 55}},
			[]string{"| server CPU per delivery | nchan | 52.5 ns | 105 ns | ×0.50 |"}, nil},
		"runs that overlap": {rate, map[string][]float64{"ssed": {100, 200}, "nchan": {150, 210}},
			[]string{"In none of them", "In 1 more the peer is ahead, but the runs overlap"},
			[]string{"every run of a peer was better than every run of ssed:"}},
		"a single run": {rate, map[string][]float64{"ssed": {100}, "nchan": {150}},
			[]string{"In 1 more the peer is ahead"}, []string{"In 1 of them"}},
		"none": {rate, map[string][]float64{"ssed": {100, 110}, "nchan": {50, 55}, "floor": {400, 400}},
			[]string{"In none of them", ": 1 comparison."}, []string{"| ×1.50 |", "it may be chance</summary>"}},
		"no peer": {rate, map[string][]float64{"ssed": {100, 110}, "floor": {50, 55}},
			[]string{"No peer was measured."}, nil},
		"no floor": {rate, map[string][]float64{"ssed": {100, 110}, "r3labs": {150, 165}},
			[]string{"| r3labs | 158 | 105 | ×1.50 |"}, []string{"The floor"}},
		"ssed has failed": {rate, map[string][]float64{"ssed": {-1, -1}, "nchan": {50, 55}},
			[]string{"| success of the runs | nchan | yes | ✗ failed |  |"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			page := readme(t, put(t, map[string]any{"x.json": tiny(test.metric, test.numbers)}))
			want(t, page, test.want...)
			wantNot(t, page, test.wantNot...)
		})
	}
}

// TestDoubts checks the marks of runs that were disturbed or limited by the load.
func TestDoubts(t *testing.T) {
	f := tiny(rate, map[string][]float64{"ssed": {100, 100}, "floor": {100, 100}})
	f.Runs[0].Values["server disturbed"] = 0.06
	f.Runs[1].Values["load disturbed"] = 0.05 // still good
	for i := range f.Runs[:2] {
		f.Runs[i].Values["load busy"] = 0.96
	}
	want(t, readme(t, put(t, map[string]any{"x.json": f})),
		"| **ssed** | 100&nbsp;†<br>", "| floor | 100<br>", "† The load was busy for more than 95 % of the time",
		"Disturbed: in 1 of 4 runs other processes had the processor of server or load for more than 5 % of the time (ssed 1 of 2).")
}

// TestFilesAreJoined verifies that a page joins the runs of several files.
func TestFilesAreJoined(t *testing.T) {
	a, b := tiny(rate, map[string][]float64{"ssed": {100}, "floor": {200}}), tiny(rate, map[string][]float64{"ssed": {300}, "floor": {400}})
	want(t, readme(t, put(t, map[string]any{"a.json": a, "b.json": b})),
		"| **ssed** | 200<br><sub>×0.62&nbsp;·&nbsp;100&nbsp;%</sub> |", // of 0.5 and 0.75
		"# a.json, started 2026-11-23 00:46 UTC", "# b.json, started")
}

// TestErrorsNameTheFile checks the errors for files that cannot be read or joined.
func TestErrorsNameTheFile(t *testing.T) {
	good := tiny(rate, map[string][]float64{"ssed": {100}})
	elsewhere := tiny(rate, map[string][]float64{"ssed": {100}})
	elsewhere.Machine = object{"kernel": "6.1", "cpu": "another", "cpus": 2}
	old, new := tiny(rate, map[string][]float64{"ssed": {100}}), tiny(rate, map[string][]float64{"ssed": {100}})
	old.Servers, new.Servers = []object{{"name": "ssed", "version": "1"}}, []object{{"name": "ssed", "version": "2"}}
	nameless := tiny(rate, map[string][]float64{"ssed": {100}})
	nameless.Runs[0].Server = ""
	for name, test := range map[string]struct {
		files map[string]any
		want  []string
	}{
		"no files":         {nil, []string{"no *.json"}},
		"not of bench":     {map[string]any{"a.json": good, "b.json": object{"name": "a package"}}, []string{"b.json", "no runs"}},
		"another shape":    {map[string]any{"a.json": good, "b.json": []int{1}}, []string{"b.json", "not a file of bench"}},
		"two machines":     {map[string]any{"a.json": good, "b.json": elsewhere}, []string{"b.json", "machine differs from a.json"}},
		"two versions":     {map[string]any{"a.json": old, "b.json": new}, []string{"b.json", "fanout: ssed has version 2, but version 1"}},
		"a run of no name": {map[string]any{"a.json": good, "b.json": nameless}, []string{"b.json", "run 1 of 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, test.files)
			err := write(dir)
			if err == nil {
				t.Fatal("no error")
			}
			want(t, err.Error(), append(test.want, dir)...)
			if _, err := os.Stat(filepath.Join(dir, "README.md")); err == nil {
				t.Error("a page was written")
			}
		})
	}
	t.Run("cut off", func(t *testing.T) {
		dir := put(t, map[string]any{"a.json": good})
		if err := os.WriteFile(filepath.Join(dir, "b.json"), []byte(`{"runs": [`), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := write(dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "b.json")) {
			t.Errorf("got %v, want an error that names the file", err)
		}
	})
}

// TestForeignREADMEIsKept verifies that a README.md written by hand is not overwritten.
func TestForeignREADMEIsKept(t *testing.T) {
	dir := put(t, map[string]any{"a.json": tiny(rate, map[string][]float64{"ssed": {100}})})
	path := filepath.Join(dir, "README.md")
	if err := os.WriteFile(path, []byte("# By hand\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "# By hand\n" {
		t.Errorf("it now contains %q", text)
	}
}

// TestPagesAreReproducible verifies that pages and pictures are reproducible.
func TestPagesAreReproducible(t *testing.T) {
	f := rich(t)
	first, second := put(t, map[string]any{"a.json": f}), put(t, map[string]any{"a.json": f})
	page := readme(t, first)
	for range 2 { // over an earlier edition, too
		readme(t, second)
	}
	for _, name := range append(pictureNames(), "README.md") {
		a, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := os.ReadFile(filepath.Join(second, name)); string(a) != string(b) {
			t.Errorf("%s differs", name)
		}
		if strings.HasSuffix(name, ".svg") {
			want(t, page, "]("+name+")")
			wellFormed(t, name, a)
		}
	}
	if *out != "" {
		if err := os.CopyFS(*out, os.DirFS(first)); err != nil {
			t.Fatal(err)
		}
	}
}

func wellFormed(t *testing.T, name string, svg []byte) {
	t.Helper()
	texts := 0
	for decoder := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "text" {
			texts++
		}
	}
	if texts < 10 {
		t.Errorf("%s has %d words", name, texts)
	}
	wantNot(t, string(svg), "NaN", "Inf")
}

// TestPicturesWithoutDataAreRemoved verifies that pictures without data are not written, and that
// old ones are removed.
func TestPicturesWithoutDataAreRemoved(t *testing.T) {
	dir := put(t, map[string]any{"a.json": recorded(t)})
	stale := filepath.Join(dir, "growth-cpu.svg")
	if err := os.WriteFile(stale, []byte("<svg/>"), 0o644); err != nil {
		t.Fatal(err)
	}
	page := readme(t, dir)
	want(t, page, "](fanout-rate.svg)", "](latency-p99.svg)", "### fanout", "### steady")
	wantNot(t, page, "growth", "idle", "## Goals", "## Servers\n")
	svgs, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil || len(svgs) != 2 {
		t.Errorf("got %v, %v, want the two that the page has", svgs, err)
	}
}

// TestSeriesStopsAtTheFailedCase verifies that a line ends at the case that failed, and that its
// label shows the case.
func TestSeriesStopsAtTheFailedCase(t *testing.T) {
	dir := put(t, map[string]any{"a.json": rich(t)})
	page := readme(t, dir)
	svg, err := os.ReadFile(filepath.Join(dir, "growth-cpu.svg"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, string(svg), ">r3labs, failed at 10k<", ">pushpin, failed at 1k<", ">ssed<")
	want(t, page, "| server CPU per delivery, by subscribers | 10 | 100 | 1k | 10k |", "- r3labs: failed 2 of 2 in “10000 subscribers”: 5000 of 10000 subscribers")
	row := page[strings.Index(page, "| deliveries/s, by subscribers |"):]
	row = row[strings.Index(row, "| pushpin |"):]
	row, _, _ = strings.Cut(row, "\n")
	if !strings.HasSuffix(row, "| ✗ failed | ✗ failed |") {
		t.Errorf("got %q", row)
	}
}
