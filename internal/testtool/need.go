package testtool

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Need returns the path of a program that the test requires, such as "curl". others are more
// programs that it requires. If one is missing, Need skips the test. If the environment variable CI
// is set, it fails the test instead, because CI must run everything.
//
// A test calls Need for all its programs before it starts anything. A skip in the middle of a test
// would cancel the test's context while its daemons, clients and goroutines run, and their errors
// would fail the test. So Need fails if the test or a parent test has started something, even if
// the program exists. Later calls for a program that was found before are allowed: helpers call
// Need where they use the path.
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

// lookFirst fails the test if it has started something before it looks for a requirement.
func lookFirst(t testing.TB, required string) {
	t.Helper()
	if running := testStates.need(t, required); running != "" {
		t.Fatalf("this test looks for %s after it has started %s: call Need for all programs first, so that the test is skipped before anything runs", required, running)
	}
}

// Lack ends a test that cannot run on this machine. The arguments explain the lack. The test
// is skipped, or fails if the environment variable CI is set.
func Lack(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format+" (CI is set, so this test must run)", args...)
	}
	t.Skipf(format, args...)
}

// Started records that the test has started something, such as "a daemon". Need refuses to skip the
// test from then on. The functions of this package call Started when they start something.
func Started(t testing.TB, what string) {
	testStates.start(t, what)
}

// testStates holds the state of each running test.
var testStates = register{of: map[string]*testState{}}

// A register holds test states by the full name of their test. A subtest has the name of its parent
// and a slash in front of its own name.
type register struct {
	mu sync.Mutex
	of map[string]*testState
}

// A testState contains the requirements of a test and the first thing that it started.
type testState struct {
	required []string
	started  string // "" while nothing runs
}

// need records a requirement of a test, such as a program. It returns the first thing that the test
// or a parent has started, or "". It also returns "" if one of them has the requirement already.
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
// mu.
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
