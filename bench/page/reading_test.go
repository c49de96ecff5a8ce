package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oneCase returns a file with one scenario and one case. values holds the values of each server's
// runs.
func oneCase(scenario string, values map[string][]object) file {
	f := tiny(rate, nil)
	f.Scenarios = []object{{"name": scenario, "what": "much", "cases": []object{{"name": scenario}}}}
	for _, server := range []string{"ssed", "r3labs", "floor"} {
		for i, reported := range values[server] {
			numbers := map[string]float64{}
			for name, x := range reported {
				numbers[name] = x.(float64)
			}
			f.Runs = append(f.Runs, run{scenario, scenario, server, i, numbers, ""})
		}
	}
	return f
}

// TestScenariosShowTheirMainMetrics checks the columns of scenarios, and that losses are counted
// only in these columns.
func TestScenariosShowTheirMainMetrics(t *testing.T) {
	for name, test := range map[string]struct {
		ssed, r3labs object
		want         []string
		wantNot      []string
	}{
		"storm": {
			object{"seconds until all are back": 2.0, "p50 answer ms": 20.0, "p99 answer ms": 200.0, "server CPU us/connection": 10.0},
			object{"seconds until all are back": 1.0, "p50 answer ms": 10.0, "p99 answer ms": 300.0, "server CPU us/connection": 20.0},
			[]string{"| server | seconds until all are back | p50 answer | p99 answer | server CPU per connection |",
				"| [storm](#storm), storm | seconds until all are back | r3labs | 1.00 s | 2.00 s | ×0.50 |",
				"| [storm](#storm), storm | p50 answer | r3labs | 10.0 ms | 20.0 ms | ×0.50 |", "In 2 of them",
				"with its peers run by run, in all metrics that the tables below show: 4 comparisons."},
			[]string{"storm | p99 answer | r3labs"},
		},
		"emojitracker": {
			object{"memory MiB at most": 40.0, "bound enforced": 1.0, "p99 latency us": 900.0, "server busy": 0.2,
				"messages/s": 882.0, "messages overdue at the end": 0.0, "deliveries/s": 1000.0},
			object{"memory MiB at most": 20.0, "bound enforced": 0.0, "p99 latency us": 1900.0, "server busy": 0.1,
				"messages/s": 883.0, "messages overdue at the end": 3.0, "deliveries/s": 1001.0},
			[]string{"| server | memory at most | bound enforced | p99 latency | server busy | messages/s | messages overdue at the end |",
				"| **ssed** | 40.0&nbsp;MiB<br><sub>×2.00&nbsp;·&nbsp;0&nbsp;%</sub> | yes<br>",
				"| r3labs | **20.0&nbsp;MiB**", "| no<br>", "| 883<br>", "| **0**<br>", "| 3<br>",
				"emojitracker | memory at most | r3labs", "emojitracker | server busy | r3labs", "In 2 of them"},
			[]string{"emojitracker | messages/s | r3labs", "emojitracker | deliveries/s | r3labs", "**883**", "**1.00k**"},
		},
		"slow": {
			object{"messages/s": 100.0, "p99 latency us": 10.0, "RSS growth MiB": 4.0, "slow ones ended by the server": 9.0, "load busy": 0.1},
			object{"messages/s": 200.0, "p99 latency us": 20.0, "RSS growth MiB": 2.0, "slow ones ended by the server": 8.0, "load busy": 0.1},
			[]string{"| server | messages/s | p99 latency | RSS growth | slow ones ended by the server |",
				"slow | messages/s | r3labs | 200 | 100 | ×2.00 |",
				"slow | RSS growth | r3labs | 2.00 MiB | 4.00 MiB | ×0.50 |", "In 2 of them"},
			[]string{"slow | p99 latency | r3labs", "load busy |"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			page := readme(t, put(t, map[string]any{"x.json": oneCase(name, map[string][]object{
				"ssed": {test.ssed, test.ssed}, "r3labs": {test.r3labs, test.r3labs}})}))
			want(t, page, test.want...)
			wantNot(t, page, test.wantNot...)
		})
	}
}

// TestGoalMarksTheLoadAsTheLimit checks the mark of goals that the load limited.
func TestGoalMarksTheLoadAsTheLimit(t *testing.T) {
	const mark = "† the load was the limit: see server CPU per delivery |"
	for name, test := range map[string]struct {
		metric      string
		ssed, floor float64 // the part of the time in which the load was busy
		goal        object
		want        string
		limited     bool
	}{
		"on both sides":         {rate, 0.97, 0.96, object{"least": 0.5}, "✓ reached " + mark, true},
		"and not reached":       {rate, 0.97, 0.96, object{"least": 1.1}, "✗ **not reached** " + mark, true},
		"a latency":             {p99, 0.97, 0.96, object{"most": 1.1}, "✓ reached " + mark, true},
		"an own value":          {rate, 0.97, 0.1, object{"least": 50.0, "absolute": true}, "✓ reached " + mark, true},
		"on one side":           {rate, 0.97, 0.95, object{"least": 0.5}, "✓ reached |", false},
		"what the server spent": {cpu, 0.97, 0.96, object{"most": 1.1}, "✓ reached |", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := oneCase("fanout", map[string][]object{
				"ssed":  {{rate: 100.0, p99: 5.0, cpu: 10.0, "load busy": test.ssed}},
				"floor": {{rate: 100.0, p99: 5.0, cpu: 10.0, "load busy": test.floor}}})
			test.goal["metric"] = test.metric
			f.Scenarios[0]["goals"] = []object{test.goal}
			page := readme(t, put(t, map[string]any{"x.json": f}))
			want(t, page, test.want)
			if got := strings.Contains(page, "of them with the load as the limit"); got != (test.limited && strings.HasPrefix(test.want, "✓")) {
				t.Errorf("the summary counts it: %v", got)
			}
		})
	}
}

// TestOneCaseOverAnotherMarksTheLoadAsTheLimit checks the same mark for comparisons of cases.
func TestOneCaseOverAnotherMarksTheLoadAsTheLimit(t *testing.T) {
	f := oneCase("stalled", map[string][]object{"ssed": {{rate: 100.0, cpu: 10.0, "load busy": 0.99}}})
	other := f.Runs[0]
	other.Case = "another"
	f.Runs = append(f.Runs, other)
	f.Scenarios[0]["compare"] = []object{{"metric": rate, "of": "another", "to": "stalled", "least": 0.95}}
	want(t, readme(t, put(t, map[string]any{"x.json": f})), "| 1.00 | ✓ reached † the load was the limit: see server CPU per delivery |")
}

// TestOneCaseMayAddToAnother checks comparisons with a bound on the difference, which is in the
// unit of the metric.
func TestOneCaseMayAddToAnother(t *testing.T) {
	const p50 = "p50 latency us"
	f := oneCase("store", map[string][]object{"ssed": {{p50: 400.0}, {p50: 500.0}}})
	for i, with := range []float64{1600, 1300} { // 1200 and 800 more
		other := f.Runs[i]
		other.Case, other.Values = "with", map[string]float64{p50: with}
		f.Runs = append(f.Runs, other)
	}
	f.Scenarios[0]["compare"] = []object{{"metric": p50, "of": "with", "to": "store", "most": 1500, "added": true},
		{"metric": p50, "of": "with", "to": "store", "most": 900, "added": true}, {"metric": p50, "of": "with", "to": "store"}}
	want(t, readme(t, put(t, map[string]any{"x.json": f})),
		"[store](#store), with minus store | p50 latency | at most 1.50 ms | 1.00 ms | ✓ reached |", "| at most 900 µs | 1.00 ms | ✗ **not reached** |",
		"p50 latency: with minus store | 1.00 ms |", "p50 latency: with over store | 3.30 |")
}

// TestRunsPairWithinTheirFile verifies that ratios and comparisons use only pairs of runs of the
// same file.
func TestRunsPairWithinTheirFile(t *testing.T) {
	// The first file has only the servers of the goals. The second is from a time when the machine
	// was ten times slower. It has peers and fewer runs.
	goals := tiny(rate, map[string][]float64{"ssed": {900, 800, 1000}, "floor": {1000, 1000, 1000}})
	all := tiny(rate, map[string][]float64{"ssed": {70, 90}, "r3labs": {140, 180}, "floor": {100, 100}})
	goals.Started, all.Started = "2026-11-23T09:00:00+02:00", "2026-11-23T08:00:00Z"
	goals.Servers = []object{{"name": "ssed"}, {"name": "floor"}}
	all.Servers = []object{{"name": "ssed"}, {"name": "r3labs"}, {"name": "floor"}}
	for i, f := range []*file{&goals, &all} {
		f.Scenarios = []object{{"name": "fanout", "what": "much", "cases": []object{{"name": "64 in flight"}, {"name": "again"}},
			"seconds": 5, "repeat": 3 - i, "payload": 64,
			"goals":   []object{{"metric": rate, "least": 0.85, "in": "64 in flight"}},
			"compare": []object{{"metric": rate, "of": "again", "to": "64 in flight", "least": 0.95}}}}
		for _, r := range f.Runs[:3-i] {
			r.Case, r.Values = "again", map[string]float64{rate: r.Values[rate] / 2}
			f.Runs = append(f.Runs, r)
		}
	}
	page := readme(t, put(t, map[string]any{"runs.json": goals, "runs-2.json": all}))
	want(t, page,
		"| **ssed** | **800**<br><sub>×0.90&nbsp;·&nbsp;116&nbsp;%</sub> |", // of 0.9, 0.8, 1, 0.7 and 0.9
		"| r3labs | 160<br><sub>×1.60&nbsp;·&nbsp;25&nbsp;%</sub> |",        // of 1.4 and 1.8
		"| floor | 1.00k<br><sub>90&nbsp;%</sub> |",
		"| at least 0.85 of the floor | 0.90 | ✓ reached |",
		"| at least 0.95 | 0.50 | ✗ **not reached** |",
		"| deliveries/s | r3labs | 160 | 800 | ×2.00 |", // of 140/70 and 180/90
		"On each server and case 3 runs of 5 s in runs.json, 2 runs of 5 s in runs-2.json; 64 bytes of data")
	if strings.Index(page, "# runs.json") > strings.Index(page, "# runs-2.json") {
		t.Error("the file that was started first is not the first")
	}
	if strings.Index(page, "| r3labs | –") > strings.Index(page, "| floor | –") {
		t.Error("the floor is listed before a peer")
	}
}

// TestPageContainsNoPaths verifies that the page contains no paths of the machine.
func TestPageContainsNoPaths(t *testing.T) {
	for name, test := range map[string]struct {
		command []string
		want    string
	}{
		"a store":     {[]string{"store", "--store-dir", "/a/dir", "--seconds", "2"}, "store --seconds 2"},
		"a file":      {[]string{"all", "--json", "/a/dir/x.json", "--seconds", "2"}, "all --seconds 2"},
		"joined":      {[]string{"all", "--json=/a/dir/x.json", "--repeat=2"}, "all --repeat=2"},
		"a directory": {[]string{"--results", "/a/dir", "growth", "--case", "1,000 sub"}, "growth --case '1,000 sub'"},
		"binaries":    {[]string{"fanout", "--server", "/a/dir/before,./after,floor"}, "fanout --server ./before,./after,floor"},
		"one, joined": {[]string{"fanout", "--server=/a/dir/before"}, "fanout --server ./before"},
		"no value":    {[]string{"fanout", "--json"}, "fanout"},
	} {
		t.Run(name, func(t *testing.T) {
			f := tiny(rate, map[string][]float64{"ssed": {100}, "nchan": {-1}})
			f.Command = test.command
			f.Runs[1].Failed = "fork/exec /tmp/a/dir/nginx: no answer to /subscribe/bench/dir"
			page := readme(t, put(t, map[string]any{"x.json": f}))
			want(t, page, "\ngo run -C bench . "+test.want+" --results bench/results\n", "fork/exec …/nginx: no answer to /subscribe/bench/dir")
			wantNot(t, page, "/a/dir", "/tmp")
		})
	}
}

// TestRemarksFollowTheGoals verifies that remarks.md is included after the goals.
func TestRemarksFollowTheGoals(t *testing.T) {
	f := tiny(rate, map[string][]float64{"ssed": {94}, "floor": {100}})
	f.Scenarios = []object{{"name": "fanout", "cases": []object{{"name": "64 in flight"}}, "goals": []object{{"metric": rate, "least": 0.95}}}}
	dir := put(t, map[string]any{"x.json": f})
	const heading = "## Remarks on the goals"
	wantNot(t, readme(t, dir), heading)
	const said = "The *kernel* takes 80 %: `tcp_sendmsg`.\n\n| a | <b> |\n| :-- | :-- |"
	if err := os.WriteFile(filepath.Join(dir, "remarks.md"), []byte(said+"\n\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	page := readme(t, dir)
	want(t, page, heading+"\n\n"+said+"\n\n## Where ssed loses")
	if strings.Index(page, heading) < strings.Index(page, "## Goals") {
		t.Error("the remarks are before the goals")
	}
}

// TestSubscribersOptionIsShown verifies that --subscribers is shown, and that files with different
// options are not joined.
func TestSubscribersOptionIsShown(t *testing.T) {
	f := tiny(rate, map[string][]float64{"ssed": {94}})
	scenario := object{"name": "fanout", "cases": []object{{"name": "64 in flight"}}, "seconds": 0.5, "repeat": 1, "payload": 32}
	f.Scenarios = []object{scenario}
	wantNot(t, readme(t, put(t, map[string]any{"a.json": f})), "--subscribers")
	scenario["subscribers"] = 100
	want(t, readme(t, put(t, map[string]any{"a.json": f})), "On each server and case 1 run of 0.5 s; 32 bytes of data",
		"Run with **`--subscribers 100`**")

	other := f
	other.Scenarios = []object{{"name": "fanout", "cases": []object{{"name": "64 in flight"}}, "seconds": 0.5, "repeat": 1, "payload": 32}}
	err := write(put(t, map[string]any{"a.json": f, "b.json": other}))
	if err == nil {
		t.Fatal("files with 100 and with 1,000 subscribers were joined")
	}
	want(t, err.Error(), "b.json: fanout: --subscribers 0 --payload 32, but 100 and 32 in a.json")
}

// TestSpreadIsExplainedWithoutRatios checks the explanation below a table without ratios.
func TestSpreadIsExplainedWithoutRatios(t *testing.T) {
	alone := tiny(rate, map[string][]float64{"ssed": {100, 110}})
	want(t, readme(t, put(t, map[string]any{"a.json": alone})), "Below each number: spread of the runs.\n")
	once := tiny(rate, map[string][]float64{"ssed": {100}})
	wantNot(t, readme(t, put(t, map[string]any{"a.json": once})), "Below each number")
}

// TestDisturbedRunsAreCounted checks the counts of disturbed runs.
func TestDisturbedRunsAreCounted(t *testing.T) {
	f := tiny(rate, map[string][]float64{"ssed": {100, 100}, "floor": {100, 100}})
	f.Runs[0].Values["server disturbed"] = 0.06
	f.Runs[1].Values["load disturbed"] = 0.07
	f.Runs[2].Values["server disturbed"] = 0.01
	f.Runs[3].Values["server disturbed"], f.Runs[3].Values["load disturbed"] = 0.01, 0.06
	want(t, readme(t, put(t, map[string]any{"x.json": f})), "Disturbed: in 3 of 4 runs", "(ssed 2 of 2, floor 1 of 2)")
}
