package testtool

import "testing"

// Race reports whether the test, and the daemon that Build built, have the race
// detector. It multiplies memory, so bounds on memory do not hold then.
const Race = raceEnabled

// WithoutRace skips a test under the race detector, also where CI is set: CI runs every
// test without the detector, too.
func WithoutRace(t testing.TB, why string) {
	t.Helper()
	if Race {
		t.Skipf("skipped with the race detector: %s", why)
	}
}
