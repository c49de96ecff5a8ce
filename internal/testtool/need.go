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
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "":
		t.Fatalf("%s is missing (%v), and where CI is set it must be there: install it", program, err)
	default:
		t.Skipf("%s is missing (%v): install it to run this test", program, err)
	}
	return ""
}
