package top

import (
	"math"
	"strings"
)

// samplesMax is how many samples are kept: ten minutes, as the daemon does.
const samplesMax = 600

// A figure is what a chart shows: a level, or how fast something grows.
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
	{"RSS", size, func(_, now *sample) float64 { return float64(now.RSSBytes) }},
	{"loop latency", millis, func(_, now *sample) float64 { return now.LatencyMs }},
	{"backlog", size, func(_, now *sample) float64 { return float64(now.Backlog) }},
}

// perSecond makes a rate of what only grows. It is unknown where the daemon began
// anew between two samples, or its clock was set back.
func perSecond(total func(*sample) float64) func(before, now *sample) float64 {
	return func(before, now *sample) float64 {
		grown, passed := total(now)-total(before), float64(now.T-before.T)/1000
		if grown < 0 || passed <= 0 {
			return math.NaN()
		}
		return grown / passed
	}
}

// latest is the figure's value by the last samples.
func (f *figure) latest(samples []sample) float64 {
	if len(samples) < 2 {
		return math.NaN()
	}
	return f.value(&samples[len(samples)-2], &samples[len(samples)-1])
}

// steps are the times, in seconds, that a column of a chart may stand for.
var steps = []int64{1, 2, 3, 5, 6, 10, 15, 20, 30}

// chartSeconds is what a chart shows at least, if a column can stand for as much.
const chartSeconds = 180

// step is what a column of a chart stands for, in seconds, if there are so many.
func step(columns int) int64 {
	for _, s := range steps {
		if s*int64(columns) >= chartSeconds {
			return s
		}
	}
	return steps[len(steps)-1]
}

// chart draws the figure's last minutes, the newest at the right. A column shows
// the highest of its seconds, so that no peak is lost; one without a sample is
// empty. Columns begin at multiples of their length: they move, and do not change.
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

// bars draws heights between nothing and the highest. Nothing at all is a line at
// the bottom, which differs from what is not known.
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
