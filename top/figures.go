package top

import (
	"math"
	"strings"
)

// samplesMax is the number of samples that are kept: ten minutes, like in the daemon.
const samplesMax = 600

// A figure is the value that a chart shows: a level, or the rate of a counter.
type figure struct {
	name  string
	write func(float64) string
	value func(before, now *sample) float64
}

var figures = []figure{
	{"subscribers", count, func(_, now *sample) float64 { return float64(now.Subscribers) }},
	{"messages/s", count, perSecond(func(s *sample) float64 { return float64(s.Published) })},
	{"deliveries/s", count, perSecond(func(s *sample) float64 { return float64(s.Deliveries) })},
	{"bytes/s", size, perSecond(func(s *sample) float64 { return float64(s.BytesOut) })},
	{"CPU", percent, perSecond(func(s *sample) float64 { return 100 * s.CPUSeconds })},
	{"memory (RSS)", size, func(_, now *sample) float64 { return float64(now.RSSBytes) }},
	{"loop latency", millis, func(_, now *sample) float64 { return now.LatencyMs }},
	{"backlog", size, func(_, now *sample) float64 { return float64(now.Backlog) }},
}

// perSecond returns a function for the rate of a counter. The rate is unknown (NaN) if the daemon
// was restarted, or its clock was set back, between two samples.
func perSecond(total func(*sample) float64) func(before, now *sample) float64 {
	return func(before, now *sample) float64 {
		grown, passed := total(now)-total(before), float64(now.T-before.T)/1000
		if grown < 0 || passed <= 0 {
			return math.NaN()
		}
		return grown / passed
	}
}

// latest returns the figure's current value, from the last two samples.
func (f *figure) latest(samples []sample) float64 {
	if len(samples) < 2 {
		return math.NaN()
	}
	return f.value(&samples[len(samples)-2], &samples[len(samples)-1])
}

// steps are the possible durations of a chart's column, in seconds.
var steps = []int64{1, 2, 3, 5, 6, 10, 15, 20, 30}

// chartSeconds is the minimum duration of a chart, unless that needs a longer step than there is.
const chartSeconds = 180

// step returns the duration of a column in seconds, for a chart with a number of columns.
func step(columns int) int64 {
	for _, s := range steps {
		if s*int64(columns) >= chartSeconds {
			return s
		}
	}
	return steps[len(steps)-1]
}

// chart draws the last minutes of the figure, with the newest column on the right. A column shows
// the highest value in its time, so that no peak is lost. A column without a sample is empty.
// Columns begin at multiples of their duration, so they move to the left without changing.
func (f *figure) chart(samples []sample, columns int) string {
	if columns <= 0 {
		return ""
	}
	heights := make([]float64, columns)
	for i := range heights {
		heights[i] = math.NaN()
	}
	highest, length := 0.0, step(columns)*1000
	for i := 1; i < len(samples); i++ {
		back := samples[len(samples)-1].T/length - samples[i].T/length
		v := f.value(&samples[i-1], &samples[i])
		if back < 0 || back >= int64(columns) || math.IsNaN(v) {
			continue
		}
		at := &heights[columns-1-int(back)]
		if math.IsNaN(*at) || v > *at {
			*at = v
		}
		highest = max(highest, v)
	}
	return bars(heights, highest)
}

// bars draws heights on a scale from zero to the highest. Zero is drawn as a line at the bottom, to
// distinguish it from an unknown value (NaN), which is blank.
func bars(heights []float64, highest float64) string {
	const blocks = "▁▂▃▄▅▆▇█"
	levels := []rune(blocks)
	var b strings.Builder
	for _, v := range heights {
		switch {
		case math.IsNaN(v):
			b.WriteByte(' ')
		case highest == 0:
			b.WriteRune(levels[0])
		default:
			b.WriteRune(levels[min(len(levels)-1, int(v/highest*float64(len(levels))))])
		}
	}
	return b.String()
}
