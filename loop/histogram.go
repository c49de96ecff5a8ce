package loop

import "time"

// histogramMin is the upper bound of a Histogram's first bucket; each of the next
// is twice as wide as the one before, up to 1.6 s.
const (
	histogramMin     = 50 * time.Microsecond
	histogramBuckets = 16
)

// A Histogram counts durations.
type Histogram struct {
	Counts [histogramBuckets + 1]uint64 // by bucket; the last is for what is longer than all
	Sum    time.Duration
}

// HistogramBound returns the upper bound of a Histogram's bucket, except for the
// last, which has none.
func HistogramBound(bucket int) time.Duration { return histogramMin << bucket }

func (h *Histogram) add(d time.Duration) {
	bucket := 0
	for bucket < histogramBuckets && d > HistogramBound(bucket) {
		bucket++
	}
	h.Counts[bucket]++
	h.Sum += d
}
