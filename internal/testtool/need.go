package testtool

import (
	"os"
	"os/exec"
	"testing"
)

// Need returns the path of a program that the test cannot do without, such as
// "curl". Where it is missing the test is skipped and says so; where the
// environment variable CI is set it fails, since there all must be tested.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Lack(t, "%s is missing (%v): install it to run this test", program, err)
	}
	return path
}

// Lack ends a test that cannot run on this machine, and says what it lacks: it is
// skipped, or failed where the environment variable CI is set.
func Lack(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format+" (where CI is set, all must be tested)", args...)
	}
	t.Skipf(format, args...)
}
