package testtool

import "testing"

// BothLoops runs a test twice: with publishers on the subscribers' loop, and on their own loop. The
// test starts its daemon with flag.
func BothLoops(t *testing.T, test func(t *testing.T, flag string)) {
	for _, where := range []string{"shared", "own"} {
		t.Run(where, func(t *testing.T) { test(t, "--publish-loop="+where) })
	}
}
