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

// metricsOfBench are the names in measure.go, as its source has them.
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

// scenariosOfBench says of each in scenarios.go whether it is asked for by name only.
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

func TestEveryMetricOfBenchIsDecidedOn(t *testing.T) {
	decided := slices.Concat(besides, elsewhere)
	for _, names := range toRead {
		decided = append(decided, names...)
	}
	for _, name := range metricsOfBench(t) {
		if !slices.Contains(decided, name) {
			t.Errorf("%q is new in bench/measure.go: shown.go says neither where it is to be read nor that it is left out", name)
		}
	}
	for _, name := range besides {
		if slices.Contains(elsewhere, name) {
			t.Errorf("%q is both shown and left out", name)
		}
	}
}

func TestEveryScenarioOfBenchHasWhatIsToBeRead(t *testing.T) {
	known := scenariosOfBench(t)
	for name, byName := range known {
		if _, ok := toRead[name]; !ok && !byName {
			t.Errorf("%s is new in bench/scenarios.go: what is to be read there?", name)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(toRead)), openLoops) {
		if _, ok := known[name]; !ok {
			t.Errorf("bench has no scenario %q", name)
		}
	}
}

// reporting is a set in which one server reports these metrics in a scenario.
func reporting(scenario string, metrics ...string) (*Set, Scenario) {
	r := Run{Scenario: scenario, Case: "the case", Server: "ssed", Values: map[string]float64{}}
	for _, name := range metrics {
		r.Values[name] = 1
	}
	return &Set{runs: []Run{r}}, Scenario{Name: scenario}
}

func TestWhatIsToBeReadIsShownFirst(t *testing.T) {
	for scenario, names := range toRead {
		s, of := reporting(scenario, append(metricsOfBench(t), "slow ones ended by the server", overdue)...)
		shown := s.Metrics(of, "the case")
		for i, name := range names {
			if shown[i].Name != name || !shown[i].ToRead {
				t.Errorf("%s: number %d is %q, want %q, and that it is to be read", scenario, i, shown[i].Name, name)
			}
		}
		for _, m := range shown[len(names):] {
			if m.ToRead || slices.Contains(elsewhere, m.Name) {
				t.Errorf("%s: %q is shown as if it were what the scenario is about", scenario, m.Name)
			}
		}
	}
}

func TestWhatNobodyDecidedOnIsShown(t *testing.T) {
	s, of := reporting("responsive", "deliveries/s", "accept p99 ms", "load busy", "something new")
	var names []string
	for _, m := range s.Metrics(of, "the case") {
		names = append(names, m.Name)
	}
	if want := []string{"deliveries/s", "accept p99 ms", "something new"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestMoreThanWhatIsDueIsNotBetter(t *testing.T) {
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
