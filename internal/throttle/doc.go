// Package throttle limits how many log lines a burst of events writes. The first lines of each
// second are written. The rest are counted, so that one line can report their number.
//
// It does not log, and it does not read the clock. The one invariant: every line is either allowed
// or counted as suppressed.
package throttle
