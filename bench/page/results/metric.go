package results

import (
	"fmt"
	"math"
	"strings"
)

// Better says which way of a metric is the good one.
type Better int

// Neither is for what is told for its own sake.
const (
	Less    Better = -1
	Neither Better = 0
	More    Better = 1
)

// Metric is one of bench's: its name ends with its unit, and says which way is better.
type Metric struct {
	Name   string // as in the file
	Title  string // for people, without the unit where numbers carry theirs
	Better Better
	ToRead bool // the scenario is there for it
	unit   unit
}

// kinds tells unit and direction by a part of the name. The first that fits counts.
var kinds = []struct {
	part   string
	unit   unit
	better Better
}{
	{"CPU ns/", nanoseconds, Less}, {"CPU us/", microseconds, Less},
	{" busy", share, Neither}, {" disturbed", share, Neither},
	{boundEnforced, truth, Neither}, {storeOnDisk, truth, Neither}, {overdue, count, Less},
	{" us", microseconds, Less}, {" ms", milliseconds, Less}, {"seconds ", seconds, Less},
	{"RSS bytes", bytes, Less}, {" MiB", mebibytes, Less}, {"bytes ", bytes, Less},
	{"/s", count, More},
}

var withoutUnit = strings.NewReplacer(" ns/", " per ", " us/", " per ", " bytes/", " per ", " MiB", "", " us", "", " ms", "")

// Lookup knows any metric by its name. One that follows no rule is a count that is neither good nor
// bad.
func Lookup(name string) Metric {
	m := Metric{Name: name, Title: withoutUnit.Replace(name), unit: count}
	for _, k := range kinds {
		if strings.Contains(name, k.part) {
			m.unit, m.Better = k.unit, k.better
			break
		}
	}
	return m
}

// unit writes numbers: scale turns them into its base, steps are the names from the base upward,
// each one by as much as it says.
type unit struct {
	scale float64
	steps []step
}

type step struct {
	from float64
	name string
}

var (
	timeSteps = []step{{1, " ns"}, {1e3, " µs"}, {1e6, " ms"}, {1e9, " s"}}
	byteSteps = []step{{1, " B"}, {1e3, " kB"}, {1e6, " MB"}, {1e9, " GB"}}

	count        = unit{1, []step{{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}}}
	nanoseconds  = unit{1, timeSteps}
	microseconds = unit{1e3, timeSteps}
	milliseconds = unit{1e6, timeSteps}
	seconds      = unit{1e9, timeSteps}
	bytes        = unit{1, byteSteps}
	mebibytes    = unit{1, []step{{1, " MiB"}, {1 << 10, " GiB"}}}
	share        = unit{100, []step{{1, " %"}}}
	truth        = unit{scale: 1} // no, or yes
)

// Format writes a number of the metric with three digits that count, and its unit. "–" is no
// number.
func (m Metric) Format(x float64) string {
	return m.write(x, Three)
}

// Tick writes a round number as shortly as it goes.
func (m Metric) Tick(x float64) string {
	if x == 0 {
		return "0" // of whatever unit
	}
	return m.write(x, func(x float64) string { return fmt.Sprintf("%.4g", x) })
}

func (m Metric) write(x float64, digits func(float64) string) string {
	if math.IsNaN(x) {
		return "–"
	}
	if m.unit.steps == nil {
		return map[float64]string{0: "no", 1: "yes"}[math.Floor(x)] // a half, where two runs differ, is no yes
	}
	x *= m.unit.scale
	at := m.unit.steps[0]
	for _, s := range m.unit.steps {
		// What rounds to 1000 of one unit is 1 of the next.
		if math.Abs(x) >= s.from*0.9995 {
			at = s
		}
	}
	if at.name == "" && x == math.Trunc(x) {
		return fmt.Sprintf("%.0f", x) // so many things, and no part of one
	}
	return digits(x/at.from) + at.name
}

// Three writes a number with three digits that count.
func Three(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "–"
	case a == 0:
		return "0"
	case a >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case a >= 9.995:
		return fmt.Sprintf("%.1f", x)
	case a >= 0.0095:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.1g", x)
	}
}

// Count writes a plain number of things for an axis: 1k, 10k, 1M, but 1024.
func Count(x float64) string {
	if math.Mod(x, 100) != 0 {
		return fmt.Sprintf("%v", x)
	}
	return Metric{unit: count}.Tick(x)
}
