package testtool

import "testing"

// BothLoops runs a test with publishers on the subscribers' loop, and on their own: flag
// is what the daemon is started with.
func BothLoops(t *testing.T, test func(t *testing.T, flag string)) {
	for _, where := range []string{"shared", "own"} {
		t.Run(where, func(t *testing.T) { test(t, "--publish-loop="+where) })
	}
}
