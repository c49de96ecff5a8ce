// Package figure draws the two kinds of picture on the page: lines over a series of cases, and bars
// by server. It takes numbers, names and ways to write numbers, and returns SVG. gonum.org/v1/plot
// does axes, transforms and text metrics.
//
// style.go says how everything looks, axis.go where ticks stand, canvas.go turns drawings into SVG,
// lines.go and bars.go draw.
//
// The invariants: the same input gives the same bytes. The background is white, so that a picture
// reads on a dark page as well as on a light one. A server looks the same in every picture, and
// differs from the others in more than its color.
package figure
