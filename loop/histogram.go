package loop

import "time"

// histogramMin is the upper bound of a Histogram's first bucket. Each bucket is twice as wide as
// the one before it, up to 1.6 s.
const (
	histogramMin     = 50 * time.Microsecond
	histogramBuckets = 16
)

// A Histogram counts durations.
type Histogram struct {
	Counts [histogramBuckets + 1]uint64 // by bucket; the last one counts durations above all bounds
	Sum    time.Duration
}

// HistogramBound returns the upper bound of a Histogram's bucket. The last bucket has no bound.
func HistogramBound(bucket int) time.Duration { return histogramMin << bucket }

func (h *Histogram) add(d time.Duration) {
	bucket := 0
	for bucket < histogramBuckets && d > HistogramBound(bucket) {
		bucket++
	}
	h.Counts[bucket]++
	h.Sum += d
}

// join adds the durations of x.
func (h *Histogram) join(x *Histogram) {
	for i, n := range x.Counts {
		h.Counts[i] += n
	}
	h.Sum += x.Sum
}
