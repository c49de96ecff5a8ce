package results

import (
	"fmt"
	"math"
	"strings"
)

// Better is the better direction of a metric.
type Better int

// Neither is for metrics that are reported for information.
const (
	Less    Better = -1
	Neither Better = 0
	More    Better = 1
)

// Metric is a metric of bench. Its unit and its better direction follow from its name.
type Metric struct {
	Name   string // the name in the file
	Title  string // the name without the unit, if numbers are shown with it
	Better Better
	Main   bool // the metric is one of the main results of its scenario
	unit   unit
}

// kinds maps a part of the name to unit and direction. The first match counts.
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

// Lookup returns the metric with a name. A name that matches no rule is a count without a better
// direction.
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

// unit formats numbers. scale converts them to the base unit. steps are the names of the base unit
// and its multiples, in ascending order.
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

// Format formats a number of the metric with three significant digits and its unit. It returns "–"
// for NaN.
func (m Metric) Format(x float64) string {
	return m.write(x, Three)
}

// Tick formats a round number as short as possible.
func (m Metric) Tick(x float64) string {
	if x == 0 {
		return "0" // 0 is the same in all units
	}
	return m.write(x, func(x float64) string { return fmt.Sprintf("%.4g", x) })
}

func (m Metric) write(x float64, digits func(float64) string) string {
	if math.IsNaN(x) {
		return "–"
	}
	if m.unit.steps == nil {
		return map[float64]string{0: "no", 1: "yes"}[math.Floor(x)] // if two runs differ, the median is 0.5 and counts as no
	}
	x *= m.unit.scale
	at := m.unit.steps[0]
	for _, s := range m.unit.steps {
		// A number that rounds to 1000 of one unit is 1 of the next.
		if math.Abs(x) >= s.from*0.9995 {
			at = s
		}
	}
	if at.name == "" && x == math.Trunc(x) {
		return fmt.Sprintf("%.0f", x) // a whole number of things
	}
	return digits(x/at.from) + at.name
}

// Three formats a number with three significant digits.
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

// Count formats a plain number for an axis: 1k, 10k, 1M, but 1024.
func Count(x float64) string {
	if math.Mod(x, 100) != 0 {
		return fmt.Sprintf("%v", x)
	}
	return Metric{unit: count}.Tick(x)
}
