// Package loops tests the real daemon with several event loops: clients that move from one loop to
// another.
//
// It holds tests only. The tests of the neighboring packages run with several loops, too, if the
// environment variable TEST_LOOPS asks for it. The one invariant: a test first checks that its
// clients have really used several loops, and only then tests the result.
package loops
