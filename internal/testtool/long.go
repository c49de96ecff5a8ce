package testtool

import "testing"

// Long skips a test with -short, and says why the test takes long. A test calls it first.
// Where the environment variable CI is set, -short is an error.
func Long(t testing.TB, why string) {
	t.Helper()
	if testing.Short() {
		Lack(t, "-short goes without this test: %s", why)
	}
}

// Fewer returns n, or a tenth of n with -short. It is for tests that are short with fewer
// clients or messages.
func Fewer(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// FewerUnderRace returns n, or a tenth of n with -short or under the race detector, which
// makes each client cost several times as much.
func FewerUnderRace(n int) int {
	if Race {
		return n / 10
	}
	return Fewer(n)
}
