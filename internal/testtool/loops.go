package testtool

import (
	"os"
	"strconv"
	"testing"
)

// loopsVariable is an environment variable of the tests: the number of event loops of each daemon
// that a test starts, unless the test sets --loops. Without it, daemons have their default.
const loopsVariable = "TEST_LOOPS"

// LoopsEnviron returns the environment variables that give a daemon as many event loops as
// TEST_LOOPS asks for. Start adds them. A test that starts daemons in another way adds them too.
func LoopsEnviron() []string {
	if loops := os.Getenv(loopsVariable); loops != "" {
		return []string{"SSED_LOOPS=" + loops}
	}
	return nil
}

// Loops returns the number of event loops of a daemon that Start starts without --loops.
func Loops() int {
	if n, err := strconv.Atoi(os.Getenv(loopsVariable)); err == nil {
		return n
	}
	return 1
}

// SeveralLoops reports whether daemons of the tests have several event loops, which the environment
// variable TEST_LOOPS sets.
func SeveralLoops() bool { return Loops() > 1 }

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
