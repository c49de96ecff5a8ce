// Package results declares the JSON files of bench, reads them and answers questions about them:
// the measured numbers, the comparison of servers, the failures, the reached goals, and the metrics
// in which ssed loses. It also formats numbers, because a number needs its unit, but it does not
// depend on pages and pictures.
//
// format.go declares the files. document.go reads and joins them. set.go and samples.go find
// numbers in them, and verdicts.go, losses.go and doubts.go judge the numbers. metric.go lists the
// metrics and their units, and shown.go the metrics of each scenario.
//
// Invariant: a failed run does not count in any number, and is reported as a failure. A value that
// was not measured is NaN or absent.
package results
