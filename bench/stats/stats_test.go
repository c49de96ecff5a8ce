package stats

import (
	"math"
	"testing"
)

// TestMedian checks medians, and that the argument is not changed.
func TestMedian(t *testing.T) {
	for _, test := range []struct {
		xs   []float64
		want float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{1, 1, 1000}, 1},
		{[]float64{-5, 5}, 0},
	} {
		before := append([]float64(nil), test.xs...)
		if got := Median(test.xs); got != test.want {
			t.Errorf("Median(%v) = %v, want %v", test.xs, got, test.want)
		}
		for i := range before {
			if before[i] != test.xs[i] {
				t.Errorf("Median changed its argument: %v", test.xs)
			}
		}
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("Median(nil) = %v, want NaN", got)
	}
}

// TestRatiosPairRuns checks that Ratios pairs runs, and returns NaN without valid pairs.
func TestRatiosPairRuns(t *testing.T) {
	// The machine slowed down to a third during these runs. Every pair has a ratio of 0.5. If the
	// servers had not been measured alternately, the ratio of the medians would be 0.67 or 0.33.
	if got := Ratios([]float64{30, 20, 10}, []float64{60, 40, 20}); got != 0.5 {
		t.Errorf("got %v, want 0.5", got)
	}
	if got := Ratios([]float64{10, 10, 90}, []float64{10, 20, 30}); got != 1 {
		t.Errorf("got %v, want the median of 1, 0.5 and 3", got)
	}
	for _, none := range [][2][]float64{{nil, nil}, {{1}, nil}, {{1}, {0}}, {{0}, {0}}} {
		if got := Ratios(none[0], none[1]); !math.IsNaN(got) {
			t.Errorf("Ratios(%v) = %v, want NaN", none, got)
		}
	}
}

// TestSpread checks the spread, including that of no runs.
func TestSpread(t *testing.T) {
	if got := Spread([]float64{90, 100, 120}); got != 0.3 {
		t.Errorf("got %v, want 0.3", got)
	}
	if got := Spread(nil); got != 0 {
		t.Errorf("got %v, want 0", got)
	}
}
