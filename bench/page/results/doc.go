// Package results declares the JSON files of bench, reads them, and answers questions about them:
// what was measured on whom, how two servers compare, what failed, which goals are reached, and
// where ssed loses. It formats numbers, because a number means little without its unit, but it
// knows no page and no picture.
//
// format.go declares the files, document.go reads and joins them, set.go and samples.go find
// numbers in them, verdicts.go, losses.go and doubts.go judge them, metric.go knows the metrics and
// their units, shown.go which of them a scenario is about.
//
// The invariant: a run that failed is in no number, and is told as a failure. What was not measured
// is NaN or absent.
package results
