package figure

import (
	"bytes"
	"html"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Heading is the text above a picture.
type Heading struct {
	Title string
	Note  string // a line below the title: whether more or less is better, and the meaning of thin lines
}

// svg draws a picture on a white card and returns it. paint gets the area below the heading.
func (h Heading) svg(height vg.Length, paint func(c draw.Canvas)) ([]byte, error) {
	svg := vgsvg.New(width, height)
	c := draw.New(svg)
	c.FillPolygon(plot.New().BackgroundColor, corners(c.Rectangle))
	outline := c.Rectangle
	outline.Min.X, outline.Min.Y = outline.Min.X+0.5, outline.Min.Y+0.5
	outline.Max.X, outline.Max.Y = outline.Max.X-0.5, outline.Max.Y-0.5
	c.StrokeLines(draw.LineStyle{Color: edge, Width: 0.75}, append(corners(outline), outline.Min))

	c = draw.Crop(c, margin, -margin, margin, -margin)
	c.FillText(bold(words(12.5, ink, draw.XLeft)), vg.Point{X: c.Min.X, Y: c.Max.Y - 6}, h.Title)
	c.FillText(words(9, soft, draw.XLeft), vg.Point{X: c.Min.X, Y: c.Max.Y - 21}, h.Note)
	paint(draw.Crop(c, 0, 0, 0, -38))

	var out bytes.Buffer
	if _, err := svg.WriteTo(&out); err != nil {
		return nil, err
	}
	return []byte(h.portable(out.String())), nil
}

// portable adds fonts of the same widths for systems without Liberation Sans. It also adds a title
// for screen readers.
func (h Heading) portable(svg string) string {
	svg = strings.ReplaceAll(svg, "font-family:Liberation Sans;", "font-family:Liberation Sans,Arimo,Helvetica,Arial,sans-serif;")
	head, rest, _ := strings.Cut(svg, "xmlns:xlink=\"http://www.w3.org/1999/xlink\">\n")
	return head + "role=\"img\">\n<title>" + html.EscapeString(h.Title) + "</title>\n" + rest
}

func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
}

// axes returns a plot with the common style of all pictures.
func axes() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Width = edge, 0.75
		axis.Tick.Color, axis.Tick.Width, axis.Tick.Length = edge, 0.75, 4
		axis.Padding = 0
		style := words(9, soft, axis.Tick.Label.XAlign)
		style.YAlign = axis.Tick.Label.YAlign
		axis.Tick.Label = style
		style = words(9.5, ink, axis.Label.TextStyle.XAlign)
		style.YAlign, style.Rotation = axis.Label.TextStyle.YAlign, axis.Label.TextStyle.Rotation
		axis.Label.TextStyle = style
		axis.Label.Padding = 5
	}
	return p
}
