package figure

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bars is a picture of one number by server, with a panel for each case. All panels have the same
// rows.
type Bars struct {
	Heading
	X      string // the label of the axis
	Write  func(float64) string
	Tick   func(float64) string
	Log    bool // use a log scale as early as lines do, because ratios matter more than lengths
	Rows   []Server
	Panels []Panel
}

// Panel is one case. Bars holds the number of each row, or the reason why there is no number.
type Panel struct {
	Title string
	Bars  []Bar
}

// Bar is a number with its range. If Y is NaN, the text Missing is shown.
type Bar struct {
	Point
	Missing string
}

const (
	rowHeight  = vg.Length(25)
	barHeight  = vg.Length(13)
	panelGap   = vg.Length(24)
	axisHeight = vg.Length(34)
)

// SVG draws the picture. Its height depends on the number of rows.
func (b Bars) SVG() ([]byte, error) {
	b.Log = b.wantsLog()
	var names vg.Length
	for _, row := range b.Rows {
		names = max(names, roomFor(row.label(), row.Name)+8)
	}
	titles := vg.Length(0)
	if len(b.Panels) > 1 {
		titles = 18
	}
	tall := 2*margin + 38 + titles + rowHeight*vg.Length(len(b.Rows)) + axisHeight
	return b.svg(tall, func(c draw.Canvas) {
		n := vg.Length(len(b.Panels))
		wide := (c.Max.X - c.Min.X - names - (n-1)*panelGap) / n
		for i, panel := range b.Panels {
			left := c.Min.X + names + vg.Length(i)*(wide+panelGap)
			area := c
			area.Min.X, area.Max.X = left, left+wide
			if titles > 0 {
				c.FillText(bold(words(9.5, ink, draw.XLeft)), vg.Point{X: left, Y: c.Max.Y - 6}, panel.Title)
			}
			area.Max.Y -= titles
			b.panel(area, panel)
		}
		b.rowNames(c, c.Min.X+names-8, c.Max.Y-titles)
	})
}

func (b Bars) rowNames(c draw.Canvas, right, top vg.Length) {
	for i, row := range b.Rows {
		style := row.label()
		style.XAlign = draw.XRight
		c.FillText(style, vg.Point{X: right, Y: top - rowHeight*(vg.Length(i)+0.5)}, row.Name)
	}
}

// panel draws an axis at the bottom of the area and the rows above it.
func (b Bars) panel(c draw.Canvas, panel Panel) {
	p := axes()
	p.HideY()
	p.X.Tick.Label.Font.Size = 8.5
	p.X.Label.TextStyle.Font.Size = 9
	p.X.Label.Text = b.X
	if b.Log {
		p.X.Label.Text += ", log scale"
	}
	b.scale(p, c.Max.X-c.Min.X, panel)
	p.Y.Min, p.Y.Max = 0, 1
	p.Add(drawing(func(data draw.Canvas, p *plot.Plot) {
		data.Max.Y, data.Min.Y = c.Max.Y, c.Max.Y-rowHeight*vg.Length(len(b.Rows))
		b.paint(data, p, panel)
	}))
	p.Draw(c)
}

// extent returns the range of the panel's bars, or 1 and 1 if there are no numbers.
func (panel Panel) extent() (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, bar := range panel.Bars {
		if !math.IsNaN(bar.Y) {
			least, most = min(least, bar.Least), max(most, bar.Most)
		}
	}
	if math.IsInf(least, 0) {
		return 1, 1
	}
	return least, most
}

// wantsLog reports whether the panels have a logarithmic scale. It is the same for all panels.
func (b Bars) wantsLog() bool {
	above := float64(barsLogAbove)
	if b.Log {
		above = logAbove
	}
	asked := false
	for _, panel := range b.Panels {
		least, most := panel.extent()
		if least <= 0 {
			return false
		}
		asked = asked || most/least > above
	}
	return asked
}

// scale sets the range of the axis, with room for the text after the longest bar.
func (b Bars) scale(p *plot.Plot, wide vg.Length, panel Panel) {
	least, most := panel.extent()
	words, plain := vg.Length(0), bold(words(9, ink, draw.XLeft))
	for _, bar := range panel.Bars {
		if !math.IsNaN(bar.Y) {
			words = max(words, roomFor(plain, b.Write(bar.Y))+12)
		}
	}
	room := float64(wide / (wide - words))
	if b.Log {
		// A log scale has no zero where bars could start. Start them far enough below the least
		// number that its bar is visible, too.
		p.X.Min = below(least / 1.5)
		p.X.Max = p.X.Min * math.Pow(most/p.X.Min, room)
		p.X.Scale = plot.LogScale{}
		p.X.Tick.Marker = logTicks(b.Tick)
		return
	}
	p.X.Min, p.X.Max = min(0, least), max(most, 1e-9)*room
	p.X.Tick.Marker = linearTicks(b.Tick, float64(wide/55))
}

// barsLogAbove is greater than logAbove. A short bar is still visible and has its number next to
// it, and lengths are correct only if they start at zero.
const barsLogAbove = 200

func (b Bars) paint(c draw.Canvas, p *plot.Plot, panel Panel) {
	toX, _ := p.Transforms(&c)
	for _, tick := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if !tick.IsMinor() {
			c.StrokeLine2(draw.LineStyle{Color: grid, Width: 0.6}, toX(tick.Value), c.Min.Y, toX(tick.Value), c.Max.Y)
		}
	}
	for i, bar := range panel.Bars {
		row, middle := b.Rows[i], c.Max.Y-rowHeight*(vg.Length(i)+0.5)
		if math.IsNaN(bar.Y) {
			c.FillText(words(8.5, soft, draw.XLeft), vg.Point{X: c.Min.X + 4, Y: middle}, bar.Missing)
			continue
		}
		row.bar(c, vg.Rectangle{
			Min: vg.Point{X: c.Min.X, Y: middle - barHeight/2},
			Max: vg.Point{X: toX(bar.Y), Y: middle + barHeight/2},
		})
		spread := draw.LineStyle{Color: ink, Width: 0.8}
		c.StrokeLine2(spread, toX(bar.Least), middle, toX(bar.Most), middle)
		c.StrokeLine2(spread, toX(bar.Least), middle-2.5, toX(bar.Least), middle+2.5)
		c.StrokeLine2(spread, toX(bar.Most), middle-2.5, toX(bar.Most), middle+2.5)
		style := words(9, ink, draw.XLeft)
		if row.Role == Subject {
			style = bold(style)
		}
		c.FillText(style, vg.Point{X: toX(max(bar.Y, bar.Most)) + 5, Y: middle}, b.Write(bar.Y))
	}
	axis := slices.Repeat([]vg.Point{c.Min}, 2)
	axis[1].Y = c.Max.Y
	c.StrokeLines(draw.LineStyle{Color: soft, Width: 0.8}, axis)
}

// bar fills a rectangle. The bar of the reference is hollow and dashed, like its line. The bars of
// peers are pale, so that their ranges are visible.
func (s Server) bar(c draw.Canvas, r vg.Rectangle) {
	fill, border := s.color(), s.line()
	border.Width = 1
	switch s.Role {
	case Peer:
		fill.R, fill.G, fill.B = pale(fill.R), pale(fill.G), pale(fill.B)
	case Reference:
		fill.R, fill.G, fill.B = 0xf4, 0xf4, 0xf4
	}
	c.FillPolygon(fill, corners(r))
	c.StrokeLines(border, append(corners(r), r.Min))
}

// pale returns the color component halfway to white.
func pale(c uint8) uint8 { return c/2 + 0x80 }
