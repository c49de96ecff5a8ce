// Package throttle keeps many events at once from filling the log: the first lines of a
// second are written, and the rest are counted, to be logged as one number.
//
// It knows neither the log nor the clock. The one invariant: every line is either allowed
// or counted as suppressed.
package throttle
