package results

import (
	"math"
	"slices"

	"github.com/ssed/ssed/bench/stats"
)

// Samples are one number of one server, run by run.
type Samples []sample

// A sample knows its file and its repetition: those of two servers with the same ones followed each
// other.
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

// Median is NaN if there are none.
func (s Samples) Median() float64 { return stats.Median(s.numbers()) }

// Spread is the distance from the least to the greatest, as a part of the median.
func (s Samples) Spread() float64 { return stats.Spread(s.numbers()) }

// Range returns the least and the greatest, NaN if there are none.
func (s Samples) Range() (least, most float64) {
	if len(s) == 0 {
		return math.NaN(), math.NaN()
	}
	return slices.Min(s.numbers()), slices.Max(s.numbers())
}

// Ratio is the median of the ratios of s to other, of the runs that both have. A run that failed on
// one side leaves no partner: the others keep theirs.
func (s Samples) Ratio(other Samples) float64 {
	a, b := paired(s, other)
	return stats.Ratios(a, b)
}

// Over returns the ratios one by one, without those that are no number.
func (s Samples) Over(other Samples) (ratios Samples) {
	for _, one := range s {
		if i := other.find(one); i >= 0 && other[i].number != 0 {
			one.number /= other[i].number
			ratios = append(ratios, one)
		}
	}
	return ratios
}

// Less returns the differences one by one.
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

// overlaps says whether chance could have put the one before the other: their ranges touch, or one
// has a single run.
func (s Samples) overlaps(other Samples) bool {
	if len(s) < 2 || len(other) < 2 {
		return true
	}
	least, most := s.Range()
	otherLeast, otherMost := other.Range()
	return least <= otherMost && otherLeast <= most
}
