package figure

import (
	"image/color"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Size of a picture: 800 x 450 pixels, at 4/3 of a pixel each point.
const (
	width  = vg.Length(600)
	height = vg.Length(337.5)
	margin = vg.Length(14)
)

// Role is the role of a server in a picture.
type Role int

// The subject is emphasized, the reference is subdued, and peers have different colors.
const (
	Peer Role = iota
	Subject
	Reference
)

// Server is a server in a picture.
type Server struct {
	Name string
	Role Role
	Nth  int // number among the peers, from 0, the same in all pictures
}

var (
	ink     = color.RGBA{0x1f, 0x23, 0x28, 0xff}
	soft    = color.RGBA{0x59, 0x63, 0x6e, 0xff}
	grid    = color.RGBA{0xe6, 0xe8, 0xeb, 0xff}
	edge    = color.RGBA{0xd1, 0xd5, 0xda, 0xff}
	refGrey = color.RGBA{0x77, 0x77, 0x77, 0xff}
	// Only the subject is drawn in ssedBlue.
	ssedBlue = color.RGBA{0x00, 0x72, 0xb2, 0xff}
)

// peerColors are the remaining colors of Okabe and Ito (Color Universal Design, 2008), without
// yellow, which is hardly visible on white. Two neutral colors with different lightness follow.
var peerColors = []color.RGBA{
	{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	{0x00, 0x9e, 0x73, 0xff}, // bluish green
	{0xcc, 0x79, 0xa7, 0xff}, // reddish purple
	{0xe6, 0x9f, 0x00, 0xff}, // orange
	{0x56, 0xb4, 0xe9, 0xff}, // sky blue
	{0x22, 0x22, 0x22, 0xff},
	{0x8c, 0x6d, 0x46, 0xff},
}

var peerGlyphs = []draw.GlyphDrawer{
	draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.RingGlyph{}, draw.PlusGlyph{}, draw.CrossGlyph{},
}

func (s Server) color() color.RGBA {
	switch s.Role {
	case Subject:
		return ssedBlue
	case Reference:
		return refGrey
	}
	return peerColors[s.Nth%len(peerColors)]
}

func (s Server) line() draw.LineStyle {
	style := draw.LineStyle{Color: s.color(), Width: 1.4}
	switch {
	case s.Role == Subject:
		style.Width = 2.8
	case s.Role == Reference:
		style.Dashes = []vg.Length{5, 3}
	case s.Nth >= len(peerColors):
		style.Dashes = []vg.Length{2, 2} // an earlier peer has the same color
	}
	return style
}

func (s Server) glyph() draw.GlyphStyle {
	style := draw.GlyphStyle{Color: s.color(), Radius: 3, Shape: draw.CircleGlyph{}}
	switch s.Role {
	case Subject:
		style.Radius = 3.6
	case Peer:
		// The glyphs shift by one each time the colors start again.
		style.Shape = peerGlyphs[(s.Nth+s.Nth/len(peerColors))%len(peerGlyphs)]
	}
	return style
}

func (s Server) label() text.Style {
	style := words(9.5, ink, draw.XLeft)
	switch s.Role {
	case Subject:
		style.Color, style.Font.Weight = ssedBlue, xfont.WeightBold
	case Reference:
		style.Color = soft
	}
	return style
}

// words returns a style for text that is vertically centered.
func words(size vg.Length, c color.Color, x text.XAlignment) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		XAlign:  x,
		YAlign:  draw.YCenter,
		Handler: text.Plain{Fonts: font.DefaultCache},
	}
}

// roomFor returns the width that a text may need. One of the alternative fonts may be wider than
// the measured font.
func roomFor(style text.Style, s string) vg.Length { return style.Width(s) * 1.16 }

func bold(style text.Style) text.Style {
	style.Font.Weight = xfont.WeightBold
	return style
}
