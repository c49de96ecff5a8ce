package testtool

import "testing"

// Race reports whether the test, and the daemon from Build, are built with the race detector. It
// multiplies memory usage, so tests do not check limits of memory then.
const Race = raceEnabled

// WithoutRace skips a test under the race detector, even if CI is set: CI also runs every test
// without the detector.
func WithoutRace(t testing.TB, why string) {
	t.Helper()
	if Race {
		t.Skipf("skipped with the race detector: %s", why)
	}
}
