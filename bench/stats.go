package main

import (
	"math"
	"slices"
)

// median returns the middle of xs, the mean of the two middle ones if their number is even, NaN if there are none.
func median(xs []float64) float64 {
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

// ratios returns the median of a[i]/b[i]. Runs that followed each other are paired, so that a machine that gets slower over
// the minutes slows both sides of each ratio. NaN if there is no pair, or if a divisor is 0.
func ratios(a, b []float64) float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, a[i]/b[i])
	}
	if m := median(all); !math.IsInf(m, 0) {
		return m
	}
	return math.NaN()
}

// spread is the distance from the least to the greatest, as a part of the median: how far the runs differ.
func spread(xs []float64) float64 {
	m := median(xs)
	if len(xs) == 0 || m == 0 {
		return 0
	}
	return (slices.Max(xs) - slices.Min(xs)) / math.Abs(m)
}

// collect returns one metric of one case on one server, by repetition.
func (b *bench) collect(scenario, testCase, server, metric string) []float64 {
	var all []float64
	for _, r := range b.runs {
		if r.scenario != scenario || r.testCase != testCase || r.server != server {
			continue
		}
		if x, ok := r.values.get(metric); ok {
			all = append(all, x)
		}
	}
	return all
}
