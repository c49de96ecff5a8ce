package figure

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
)

// TestLabelsDoNotOverlap checks the positions of labels that would overlap.
func TestLabelsDoNotOverlap(t *testing.T) {
	for name, test := range map[string]struct{ wanted, want []vg.Length }{
		"far from each other":       {[]vg.Length{90, 50, 10}, []vg.Length{90, 50, 10}},
		"on one height":             {[]vg.Length{90, 90, 90}, []vg.Length{90, 80, 70}},
		"pushed up from the bottom": {[]vg.Length{15, 5, 5}, []vg.Length{20, 10, 0}},
		"more than there is room":   {[]vg.Length{5, 4, 3, 2}, []vg.Length{30, 20, 10, 0}},
		"none":                      {nil, nil},
	} {
		if got := apart(test.wanted, 10, 0); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// TestRoundNumbersAround checks the round numbers below and above a number.
func TestRoundNumbersAround(t *testing.T) {
	for _, test := range []struct{ x, below, above float64 }{{1, 1, 1}, {1.5, 1, 2}, {7, 5, 10}, {0.03, 0.02, 0.05}, {999, 500, 1000}, {1000, 1000, 1000}} {
		if b, a := below(test.x), above(test.x); math.Abs(b/test.below-1) > 1e-9 || math.Abs(a/test.above-1) > 1e-9 {
			t.Errorf("%v is between %v and %v, want %v and %v", test.x, b, a, test.below, test.above)
		}
	}
}

// TestLogTicks checks the ticks and labels of a logarithmic axis.
func TestLogTicks(t *testing.T) {
	var labels []float64
	for _, tick := range logTicks(func(x float64) string { labels = append(labels, x); return "x" })(50, 2000) {
		if tick.Value < 50 || tick.Value > 2000 {
			t.Errorf("tick at %v is out of range", tick.Value)
		}
	}
	if want := []float64{50, 100, 200, 500, 1000, 2000}; !slices.Equal(labels, want) {
		t.Errorf("got labels at %v, want %v", labels, want)
	}
}

// TestPanelsShareTheirScale checks when the panels of a picture have a logarithmic scale.
func TestPanelsShareTheirScale(t *testing.T) {
	bars := func(numbers ...float64) (p Panel) {
		for _, x := range numbers {
			p.Bars = append(p.Bars, Bar{Point: Point{Y: x, Least: x, Most: x}})
		}
		return p
	}
	for name, test := range map[string]struct {
		b    Bars
		want bool
	}{
		"near each other":         {Bars{Panels: []Panel{bars(1, 100)}}, false},
		"one of them wide":        {Bars{Panels: []Panel{bars(1, 2), bars(1, 1000)}}, true},
		"requested, and wide":     {Bars{Log: true, Panels: []Panel{bars(1, 100)}}, true},
		"requested, and narrow":   {Bars{Log: true, Panels: []Panel{bars(1, 2)}}, false},
		"a number below zero":     {Bars{Log: true, Panels: []Panel{bars(-1, 1000)}}, false},
		"a panel without numbers": {Bars{Panels: []Panel{bars(math.NaN(), math.NaN()), bars(1, 1000)}}, true},
	} {
		if got := test.b.wantsLog(); got != test.want {
			t.Errorf("%s: log is %v", name, got)
		}
	}
}

// TestBarsShowMissingNumbers verifies that a picture of bars contains names, numbers and reasons
// for missing numbers.
func TestBarsShowMissingNumbers(t *testing.T) {
	write := func(float64) string { return "number" }
	b := Bars{Heading: Heading{Title: "a < b & c"}, Write: write, Tick: write, Rows: []Server{{Name: "one", Role: Subject}, {Name: "two"}},
		Panels: []Panel{{Bars: []Bar{{Point: Point{Y: 3, Least: 2, Most: 4}}, {Point: Point{Y: math.NaN()}, Missing: "failed"}}}}}
	svg, err := b.SVG()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>a &lt; b &amp; c</title>", ">one<", ">two<", ">failed<", ">number<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the picture does not contain %q", want)
		}
	}
}

// TestLineHasAGapWithoutAPoint counts strokes with the color and width of a series. A line with a
// gap has two parts, and there is one stroke next to its name.
func TestLineHasAGapWithoutAPoint(t *testing.T) {
	write := func(float64) string { return "x" }
	all := func(name string, role Role, xs ...float64) Series {
		s := Series{Server: Server{Name: name, Role: role}}
		for _, x := range xs {
			s.Points = append(s.Points, Point{x, 5, 5, 5})
		}
		return s
	}
	count := func(xs ...float64) int {
		l := Lines{WriteX: write, WriteY: write, Series: []Series{all("whole", Reference, 1, 2, 3, 4, 5), all("ours", Subject, xs...)}}
		svg, err := l.SVG()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(svg), "stroke:#0072B2;stroke-width:2.8")
	}
	if whole, broken := count(1, 2, 3, 4, 5), count(1, 2, 4, 5); whole == 0 || broken != whole+1 {
		t.Errorf("%d strokes without a gap, %d with one", whole, broken)
	}
}
