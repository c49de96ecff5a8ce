package results

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"testing"
)

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// metricsOfBench returns the names of the metrics in the source of measure.go.
func metricsOfBench(t *testing.T) (names []string) {
	t.Helper()
	ast.Inspect(parse(t, "../../measure.go"), func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return true
		}
		for _, spec := range decl.Specs {
			for _, x := range spec.(*ast.ValueSpec).Values {
				if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					name, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					names = append(names, name)
				}
			}
		}
		return false
	})
	if len(names) < 25 {
		t.Fatalf("found only %q: this test looks in the wrong place", names)
	}
	return names
}

// scenariosOfBench returns the scenarios in scenarios.go, and whether each runs only if it is
// named.
func scenariosOfBench(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	ast.Inspect(parse(t, "../../scenarios.go"), func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		name, byName := "", false
		for _, e := range literal.Elts {
			pair, ok := e.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			switch key := pair.Key.(*ast.Ident).Name; key {
			case "name":
				name, _ = strconv.Unquote(pair.Value.(*ast.BasicLit).Value)
			case "byName":
				byName = true
			}
		}
		if name != "" {
			found[name] = byName
		}
		return true
	})
	if len(found) < 15 {
		t.Fatalf("found only %v: this test looks in the wrong place", found)
	}
	return found
}

// TestEveryMetricIsListed verifies that shown.go mentions every metric of measure.go.
func TestEveryMetricIsListed(t *testing.T) {
	decided := slices.Concat(otherMetrics, hiddenMetrics)
	for _, names := range mainMetrics {
		decided = append(decided, names...)
	}
	for _, name := range metricsOfBench(t) {
		if !slices.Contains(decided, name) {
			t.Errorf("%q is new in bench/measure.go: add it to one of the lists in shown.go", name)
		}
	}
	for _, name := range otherMetrics {
		if slices.Contains(hiddenMetrics, name) {
			t.Errorf("%q is both shown and omitted", name)
		}
	}
}

// TestEveryScenarioHasMainMetrics verifies that every scenario of "all" has main metrics.
func TestEveryScenarioHasMainMetrics(t *testing.T) {
	known := scenariosOfBench(t)
	for name, byName := range known {
		if _, ok := mainMetrics[name]; !ok && !byName {
			t.Errorf("%s is new in bench/scenarios.go: add its main metrics to shown.go", name)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(mainMetrics)), openLoops) {
		if _, ok := known[name]; !ok {
			t.Errorf("bench does not have the scenario %q", name)
		}
	}
}

// reporting returns a set in which one server reports the given metrics in a scenario.
func reporting(scenario string, metrics ...string) (*Set, Scenario) {
	r := Run{Scenario: scenario, Case: "the case", Server: "ssed", Values: map[string]float64{}}
	for _, name := range metrics {
		r.Values[name] = 1
	}
	return &Set{runs: []Run{r}}, Scenario{Name: scenario}
}

// TestMainMetricsComeFirst verifies that the main metrics come first.
func TestMainMetricsComeFirst(t *testing.T) {
	for scenario, names := range mainMetrics {
		s, of := reporting(scenario, append(metricsOfBench(t), "slow ones ended by the server", overdue)...)
		shown := s.Metrics(of, "the case")
		for i, name := range names {
			if shown[i].Name != name || !shown[i].Main {
				t.Errorf("%s: metric %d is %q, want %q as a main metric", scenario, i, shown[i].Name, name)
			}
		}
		for _, m := range shown[len(names):] {
			if m.Main || slices.Contains(hiddenMetrics, m.Name) {
				t.Errorf("%s: %q is shown as a main metric", scenario, m.Name)
			}
		}
	}
}

// TestUnknownMetricsAreShownLast verifies that unknown metrics are shown after the others.
func TestUnknownMetricsAreShownLast(t *testing.T) {
	s, of := reporting("responsive", "deliveries/s", "accept p99 ms", "load busy", "something new")
	var names []string
	for _, m := range s.Metrics(of, "the case") {
		names = append(names, m.Name)
	}
	if want := []string{"deliveries/s", "accept p99 ms", "something new"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

// TestMoreIsNotBetterInOpenLoops checks the better direction of metrics in open loops.
func TestMoreIsNotBetterInOpenLoops(t *testing.T) {
	for _, test := range []struct {
		scenario, metric string
		reported         []string
		want             Better
	}{
		{"fanout", "deliveries/s", nil, More},
		{"steady", "deliveries/s", nil, Neither},
		{"emojitracker", "messages/s", nil, Neither},
		{"emojitracker", "server busy", nil, Less},
		{"emojitracker", "p99 latency us", nil, Less},
		{"another one", "deliveries/s", nil, More},
		{"another one", "deliveries/s", []string{overdue}, Neither},
		{"another one", overdue, []string{overdue}, Less},
	} {
		s, of := reporting(test.scenario, append(test.reported, test.metric)...)
		if got := s.directed(of.Name, test.metric).Better; got != test.want {
			t.Errorf("%s, %s: got %d, want %d", test.scenario, test.metric, got, test.want)
		}
	}
}
