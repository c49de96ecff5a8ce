package figure

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Lines is a picture of numbers over a series of cases.
type Lines struct {
	Heading
	X, Y           string // the labels of the axes
	WriteX, WriteY func(float64) string
	Series         []Series
}

// Series is the line of one server. It has a gap at each point that only other servers have.
type Series struct {
	Server
	Note   string // text after the name at the end of the line
	Points []Point
}

func (s Series) text() string {
	if s.Note == "" {
		return s.Name
	}
	return s.Name + ", " + s.Note
}

// Point is a median with the range of the runs.
type Point struct{ X, Y, Least, Most float64 }

const (
	labelGap  = vg.Length(12.5) // from one name to the next
	labelLead = vg.Length(34)   // from the last point to the names
)

// SVG draws the picture. The names are at the ends of the lines, outside the plot.
func (l Lines) SVG() ([]byte, error) {
	p := axes()
	xs, least, most := l.extent()
	p.X.Label.Text = l.X
	count := l.Y // above the axis: turned text next to it is harder to read, and plot reserves the wrong width for it on a log scale
	p.X.Min, p.X.Max = xs[0], xs[len(xs)-1]
	p.X.Tick.Marker = at(xs, l.WriteX)
	if wantsLog(xs[0], xs[len(xs)-1]) {
		p.X.Scale = plot.LogScale{}
	}
	if wantsLog(least, most) {
		count += ", log scale"
		p.Y.Scale = plot.LogScale{}
		p.Y.Min, p.Y.Max = below(least), above(most)
		p.Y.Tick.Marker = logTicks(l.WriteY)
	} else {
		p.Y.Min, p.Y.Max = min(0, least), most*1.08
		p.Y.Tick.Marker = linearTicks(l.WriteY, 6)
	}
	p.X.Padding = 8
	p.Add(lattice{xs: xs}, drawing(l.paint))
	return l.svg(height, func(c draw.Canvas) {
		c.FillText(words(9, ink, draw.XLeft), vg.Point{X: c.Min.X, Y: c.Max.Y - 8}, count)
		p.Draw(draw.Crop(c, 0, -l.labelWidth(), 0, -20))
	})
}

// extent returns the positions of all points on the x axis, and the range of their numbers.
func (l Lines) extent() (xs []float64, least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, s := range l.Series {
		for _, point := range s.Points {
			xs = append(xs, point.X)
			least, most = min(least, point.Least), max(most, point.Most)
		}
	}
	slices.Sort(xs)
	return slices.Compact(xs), least, most
}

func (l Lines) labelWidth() (widest vg.Length) {
	for _, s := range l.Series {
		widest = max(widest, labelLead+roomFor(s.label(), s.text()))
	}
	return widest
}

// paint draws the lines, with the subject last, above the others.
func (l Lines) paint(c draw.Canvas, p *plot.Plot) {
	xs, _, _ := l.extent()
	order := slices.Clone(l.Series)
	slices.SortStableFunc(order, func(a, b Series) int { return cmp.Compare(rank(a.Role), rank(b.Role)) })
	for _, s := range order {
		s.paint(c, p, xs)
	}
	l.names(c, p, xs[len(xs)-1])
}

func rank(r Role) int { return slices.Index([]Role{Reference, Peer, Subject}, r) }

func (s Series) paint(c draw.Canvas, p *plot.Plot, xs []float64) {
	toX, toY := p.Transforms(&c)
	var part []vg.Point
	last := -1
	for _, point := range s.Points {
		here := slices.Index(xs, point.X)
		if here != last+1 {
			c.StrokeLines(s.line(), part)
			part = nil
		}
		last = here
		part = append(part, vg.Point{X: toX(point.X), Y: toY(point.Y)})
	}
	c.StrokeLines(s.line(), part)
	for _, point := range s.Points {
		x := toX(point.X)
		c.StrokeLine2(draw.LineStyle{Color: s.color(), Width: 0.8}, x, toY(point.Least), x, toY(point.Most))
		c.DrawGlyphNoClip(s.glyph(), vg.Point{X: x, Y: toY(point.Y)})
	}
}

// names writes the names next to the plot at the heights of the last points, moved apart if they
// would overlap. If a series has a number at lastX, a thin line connects its last point to its
// name.
func (l Lines) names(c draw.Canvas, p *plot.Plot, lastX float64) {
	toX, toY := p.Transforms(&c)
	order := slices.DeleteFunc(slices.Clone(l.Series), func(s Series) bool { return len(s.Points) == 0 })
	end := func(s Series) Point { return s.Points[len(s.Points)-1] }
	slices.SortStableFunc(order, func(a, b Series) int { return cmp.Compare(end(b).Y, end(a).Y) })
	var wanted []vg.Length
	for _, s := range order {
		wanted = append(wanted, toY(end(s).Y))
	}
	for i, y := range apart(wanted, labelGap, c.Min.Y) {
		s := order[i]
		x := c.Max.X + labelLead
		if end(s).X == lastX {
			c.StrokeLine2(draw.LineStyle{Color: s.color(), Width: 0.5}, toX(lastX)+7, wanted[i], x-18, y)
		}
		c.StrokeLine2(s.line(), x-18, y, x-2, y)
		c.DrawGlyphNoClip(s.glyph(), vg.Point{X: x - 10, Y: y})
		c.FillText(s.label(), vg.Point{X: x + 3, Y: y}, s.text())
	}
}

// apart moves decreasing heights so that they are at least gap apart. It keeps them above the floor
// if there is enough room.
func apart(heights []vg.Length, gap, floor vg.Length) []vg.Length {
	moved := slices.Clone(heights)
	for i := 1; i < len(moved); i++ {
		moved[i] = min(moved[i], moved[i-1]-gap)
	}
	for i := len(moved) - 1; i >= 0; i-- {
		moved[i] = max(moved[i], floor)
		floor = moved[i] + gap
	}
	return moved
}

// drawing is a function that implements plot.Plotter.
type drawing func(c draw.Canvas, p *plot.Plot)

// Plot implements plot.Plotter.
func (d drawing) Plot(c draw.Canvas, p *plot.Plot) { d(c, p) }

// lattice is the grid behind the data, with a line at each labeled tick.
type lattice struct{ xs []float64 }

// Plot implements plot.Plotter.
func (g lattice) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	style := draw.LineStyle{Color: grid, Width: 0.6}
	for _, tick := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if !tick.IsMinor() {
			c.StrokeLine2(style, c.Min.X, toY(tick.Value), c.Max.X, toY(tick.Value))
		}
	}
	for _, x := range g.xs {
		c.StrokeLine2(style, toX(x), c.Min.Y, toX(x), c.Max.Y)
	}
}
