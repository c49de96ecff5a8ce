package figure

import (
	"math"

	"gonum.org/v1/plot"
)

// logAbove is the ratio of the greatest to the least number above which an axis is logarithmic.
const logAbove = 15

// wantsLog reports whether numbers from least to most need a logarithmic axis.
func wantsLog(least, most float64) bool { return least > 0 && most/least > logAbove }

var steps125 = []float64{1, 2, 5}

// below and above return the nearest numbers of 1, 2, 5, 10 ... around x. x must be greater than 0.
func below(x float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(x)))
	best := decade
	for _, step := range steps125 {
		if step*decade <= x {
			best = step * decade
		}
	}
	return best
}

func above(x float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(x)))
	for _, step := range steps125 {
		if step*decade >= x {
			return step * decade
		}
	}
	return 10 * decade
}

// logTicks labels the decades. In a short range it also labels 2 and 5 between them.
func logTicks(write func(float64) string) plot.TickerFunc {
	return func(least, most float64) (ticks []plot.Tick) {
		for decade := math.Pow(10, math.Floor(math.Log10(least))); decade <= most; decade *= 10 {
			for i := 1.0; i < 10; i++ {
				value := i * decade
				if value < least*0.999 || value > most*1.001 {
					continue
				}
				tick := plot.Tick{Value: value}
				if i == 1 || most/least < 200 && (i == 2 || i == 5) {
					tick.Label = write(value)
				}
				ticks = append(ticks, tick)
			}
		}
		return ticks
	}
}

// linearTicks returns a few round numbers from 0, in steps of 1, 2 or 5.
func linearTicks(write func(float64) string, about float64) plot.TickerFunc {
	return func(least, most float64) (ticks []plot.Tick) {
		step := above((most - least) / about)
		for i := math.Ceil(least / step); i*step <= most*1.0001; i++ {
			ticks = append(ticks, plot.Tick{Value: i * step, Label: write(i * step)})
		}
		return ticks
	}
}

// at puts a tick at each of the numbers.
func at(numbers []float64, write func(float64) string) plot.ConstantTicks {
	var ticks []plot.Tick
	for _, x := range numbers {
		ticks = append(ticks, plot.Tick{Value: x, Label: write(x)})
	}
	return ticks
}
