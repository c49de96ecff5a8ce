// Package stats computes medians, ratios and spreads of runs, for the tables of bench and for the
// page of bench/page. It does not depend on servers or metrics.
//
// Invariant: no function changes its arguments. A median or a ratio that is undefined is NaN, never
// 0.
package stats

import (
	"math"
	"slices"
)

// Median returns the median of xs: the middle value, or the mean of the two middle values. It is
// NaN if xs is empty.
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

// Ratios returns the median of a[i]/b[i]. Pairs should be consecutive runs, so that a machine that
// gets slower over the minutes slows both sides of each ratio. The result is NaN if there is no
// pair or if the median is infinite because of a divisor of 0.
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

// Spread returns the range of xs divided by the median. It is 0 if xs is empty or the median is 0.
func Spread(xs []float64) float64 {
	m := Median(xs)
	if len(xs) == 0 || m == 0 {
		return 0
	}
	return (slices.Max(xs) - slices.Min(xs)) / math.Abs(m)
}
