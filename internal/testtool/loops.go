package testtool

import (
	"os"
	"testing"
)

// SeveralLoops reports whether daemons of the tests have several event loops, which the environment
// variable TEST_LOOPS sets.
func SeveralLoops() bool {
	loops := os.Getenv(loopsVariable)
	return loops != "" && loops != "1"
}

// PublishLoops returns the values of --publish-loop that a daemon of a test can have. Several event
// loops need a separate loop for publishers.
func PublishLoops() []string {
	if SeveralLoops() {
		return []string{"own"}
	}
	return []string{"shared", "own"}
}

// BothLoops runs a test once for each value of PublishLoops: with publishers on the subscribers'
// loop, and on their own loop. The test starts its daemon with flag.
func BothLoops(t *testing.T, test func(t *testing.T, flag string)) {
	for _, where := range PublishLoops() {
		t.Run(where, func(t *testing.T) { test(t, "--publish-loop="+where) })
	}
}
