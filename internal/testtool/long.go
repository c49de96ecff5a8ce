package testtool

import "testing"

// Long skips a test with -short. why is the reason why the test takes long. A test calls Long
// first. If the environment variable CI is set, the test fails instead.
func Long(t testing.TB, why string) {
	t.Helper()
	if testing.Short() {
		Lack(t, "skipped with -short: %s", why)
	}
}

// Fewer returns n, or a tenth of n with -short. It is for tests that are short if they use fewer
// clients or messages.
func Fewer(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// FewerUnderRace returns n, or a tenth of n with -short or under the race detector. With the race
// detector, each client costs several times as much.
func FewerUnderRace(n int) int {
	if Race {
		return n / 10
	}
	return Fewer(n)
}
