package testtool

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Need returns the path of a program that the test requires, such as "curl"; others are
// further programs that it requires. If one is missing, Need skips the test and says so;
// where the environment variable CI is set it fails the test, because CI must run
// everything.
//
// A test calls Need for all of its programs before it starts anything. A skip in the
// middle of such a test cancels the test's context under the daemons, clients and
// goroutines of that test, and their complaints then fail the test. So Need fails if
// the test, or a test that it is part of, has started something, whether or not the
// program is there. Later calls for a program that was already found are fine: helpers
// call Need where they use the path.
func Need(t testing.TB, program string, others ...string) (path string) {
	t.Helper()
	path = need(t, program)
	for _, other := range others {
		need(t, other)
	}
	return path
}

func need(t testing.TB, program string) (path string) {
	t.Helper()
	lookFirst(t, program)
	path, err := exec.LookPath(program)
	if err != nil {
		Lack(t, "%s is missing (%v): install it to run this test", program, err)
	}
	return path
}

// lookFirst fails a test that has started something before it looks for what it requires.
func lookFirst(t testing.TB, required string) {
	t.Helper()
	if running := testStates.need(t, required); running != "" {
		t.Fatalf("this test looks for %s after it has started %s: look for everything first, so that a machine without it skips the test before anything runs", required, running)
	}
}

// Lack ends a test that cannot run on this machine, and says what it lacks. The test is
// skipped, or fails where the environment variable CI is set.
func Lack(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format+" (where CI is set, all must be tested)", args...)
	}
	t.Skipf(format, args...)
}

// Started notes that the test has started something, such as "a daemon", so that Need
// can refuse to skip the test from then on. The functions of this package that start
// something call it themselves.
func Started(t testing.TB, what string) {
	testStates.start(t, what)
}

// testStates holds, for each running test, what it requires and the first
// thing that it started.
var testStates = register{of: map[string]*testState{}}

// A register holds test states by the full name of their test. A subtest has the name of its
// parent and a slash in front of its own.
type register struct {
	mu sync.Mutex
	of map[string]*testState
}

type testState struct {
	required []string
	started  string // "" while nothing runs
}

// need notes that a test requires something, such as a program. If neither the test nor
// its parents have asked for it before, need returns what they have already started, or "".
func (r *register) need(t testing.TB, required string) (running string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.state(t)
	for name, s := range r.of {
		switch within := name == t.Name() || strings.HasPrefix(t.Name(), name+"/"); {
		case within && slices.Contains(s.required, required):
			return ""
		case within && s.started != "":
			running = s.started
		}
	}
	own.required = append(own.required, required)
	return running
}

func (r *register) start(t testing.TB, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if own := r.state(t); own.started == "" {
		own.started = what
	}
}

// state returns the state of a test, and removes it when the test ends. The caller holds
// the lock.
func (r *register) state(t testing.TB) *testState {
	name := t.Name()
	if r.of[name] == nil {
		r.of[name] = &testState{}
		t.Cleanup(func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.of, name)
		})
	}
	return r.of[name]
}
