package results

import (
	"math"
	"slices"

	"github.com/ssed/ssed/bench/stats"
)

// Samples are the values of one metric of one server, run by run.
type Samples []sample

// A sample is a value with its file and repetition. Samples of two servers with the same file and
// repetition are from consecutive runs.
type sample struct {
	file, repetition int
	number           float64
}

func (s Samples) numbers() (all []float64) {
	for _, one := range s {
		all = append(all, one.number)
	}
	return all
}

// Median returns the median, or NaN without samples.
func (s Samples) Median() float64 { return stats.Median(s.numbers()) }

// Spread returns the range of the samples divided by the median.
func (s Samples) Spread() float64 { return stats.Spread(s.numbers()) }

// Range returns the least and the greatest sample, or NaN without samples.
func (s Samples) Range() (least, most float64) {
	if len(s) == 0 {
		return math.NaN(), math.NaN()
	}
	return slices.Min(s.numbers()), slices.Max(s.numbers())
}

// Ratio returns the median of the ratios of s to other, over the runs that both have. If a run
// failed on one side, its counterpart is ignored and the other pairs stay.
func (s Samples) Ratio(other Samples) float64 {
	a, b := paired(s, other)
	return stats.Ratios(a, b)
}

// Over returns the ratios of all pairs, without divisions by 0.
func (s Samples) Over(other Samples) (ratios Samples) {
	for _, one := range s {
		if i := other.find(one); i >= 0 && other[i].number != 0 {
			one.number /= other[i].number
			ratios = append(ratios, one)
		}
	}
	return ratios
}

// Less returns the differences of all pairs.
func (s Samples) Less(other Samples) (differences Samples) {
	for _, one := range s {
		if i := other.find(one); i >= 0 {
			one.number -= other[i].number
			differences = append(differences, one)
		}
	}
	return differences
}

func paired(s, other Samples) (a, b []float64) {
	for _, one := range s {
		if i := other.find(one); i >= 0 {
			a, b = append(a, one.number), append(b, other[i].number)
		}
	}
	return a, b
}

func (s Samples) find(partner sample) int {
	return slices.IndexFunc(s, func(one sample) bool {
		return one.file == partner.file && one.repetition == partner.repetition
	})
}

// overlaps reports whether a difference between s and other may be chance: their ranges overlap, or
// one of them has only a single run.
func (s Samples) overlaps(other Samples) bool {
	if len(s) < 2 || len(other) < 2 {
		return true
	}
	least, most := s.Range()
	otherLeast, otherMost := other.Range()
	return least <= otherMost && otherLeast <= most
}
