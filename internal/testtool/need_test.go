package testtool

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// An attempt is a fake test. It records whether it failed or was skipped.
type attempt struct {
	testing.TB
	name            string
	cleanups        []func()
	failed, skipped string
}

func (a *attempt) Name() string     { return a.name }
func (a *attempt) Helper()          {}
func (a *attempt) Cleanup(f func()) { a.cleanups = append(a.cleanups, f) }

func (a *attempt) Fatalf(format string, args ...any) {
	a.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (a *attempt) Skipf(format string, args ...any) {
	a.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run runs do with the attempt on a new goroutine, and waits until it ends.
func (a *attempt) run(do func(t testing.TB)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(a)
	}()
	<-done
}

func (a *attempt) end() {
	for _, f := range a.cleanups {
		f()
	}
}

// The outcomes of an attempt.
const fails, skips, continues = "fails", "is skipped", "continues"

func (a *attempt) outcome() string {
	switch {
	case a.failed != "":
		return fails
	case a.skipped != "":
		return skips
	}
	return continues
}

// TestNeed verifies Need on a machine that has only the program "tool".
func TestNeed(t *testing.T) {
	folder := t.TempDir()
	tool := filepath.Join(folder, "tool")
	if err := os.WriteFile(tool, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	tests := []struct {
		name, ci string
		before   func(parent, t testing.TB)
		program  string
		want     string
	}{
		{"a program", "", nil, "tool", continues},
		{"a missing program", "", nil, "absent", skips},
		{"a missing program in CI", "true", nil, "absent", fails},
		{"after a start", "", func(_, t testing.TB) { Started(t, "a daemon") }, "tool", fails},
		{"a missing program after a start", "", func(_, t testing.TB) { Started(t, "a daemon") }, "absent", fails},
		{"after the parent's start", "", func(parent, _ testing.TB) { Started(parent, "a daemon") }, "tool", fails},
		{"a second time", "", func(_, t testing.TB) { Need(t, "tool"); Started(t, "a daemon") }, "tool", continues},
		{"asked for by the parent", "", func(parent, t testing.TB) {
			Need(parent, "tool")
			Started(parent, "a daemon")
			Started(t, "a daemon")
		}, "tool", continues},
		{"after the start of a sibling", "", func(parent, _ testing.TB) {
			sibling := &attempt{TB: t, name: parent.Name() + "/sibling"}
			Started(sibling, "a daemon")
			t.Cleanup(sibling.end)
		}, "tool", continues},
		{"after the start of a test with a longer name", "", func(_, own testing.TB) {
			other := &attempt{TB: t, name: own.Name() + "er"}
			Started(other, "a daemon")
			t.Cleanup(other.end)
		}, "tool", continues},
		{"after the start of a test with a shorter name", "", func(_, own testing.TB) {
			other := &attempt{TB: t, name: own.Name()[:len(own.Name())-1]}
			Started(other, "a daemon")
			t.Cleanup(other.end)
		}, "tool", continues},
		{"after an end", "", func(_, own testing.TB) {
			before := &attempt{TB: t, name: own.Name()}
			Started(before, "a daemon")
			before.end()
		}, "tool", continues},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CI", tt.ci)
			parent := &attempt{TB: t, name: "TestParent"}
			own := &attempt{TB: t, name: "TestParent/child"}
			path := ""
			own.run(func(t testing.TB) {
				if tt.before != nil {
					tt.before(parent, t)
				}
				path = Need(t, tt.program)
			})
			own.end()
			parent.end()
			if got := own.outcome(); got != tt.want || (got == continues) != (path == tool) {
				t.Errorf("it %s with path %q (%q%q), expected that it %s", got, path, own.failed, own.skipped, tt.want)
			}
		})
	}
}
