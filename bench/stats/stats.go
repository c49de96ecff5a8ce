// Package stats says what a median, a ratio and a spread of runs are, once for all who show them:
// the tables of bench and the page of bench/page. It knows no server and no metric.
//
// The invariant: no function changes its arguments. A median or a ratio that cannot be said is NaN,
// never 0.
package stats

import (
	"math"
	"slices"
)

// Median returns the middle of xs, the mean of the two middle ones if their number is even, NaN if
// there are none.
func Median(xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(xs))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Ratios returns the median of a[i]/b[i]. Runs that followed each other are paired, so that a
// machine that gets slower over the minutes slows both sides of each ratio. NaN if there is no
// pair, or if a divisor is 0.
func Ratios(a, b []float64) float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, a[i]/b[i])
	}
	if m := Median(all); !math.IsInf(m, 0) {
		return m
	}
	return math.NaN()
}

// Spread is the distance from the least to the greatest, as a part of the median: how far the runs
// differ. 0 if there are none, or if the median is 0.
func Spread(xs []float64) float64 {
	m := Median(xs)
	if len(xs) == 0 || m == 0 {
		return 0
	}
	return (slices.Max(xs) - slices.Min(xs)) / math.Abs(m)
}
