// Package figure draws the two kinds of pictures on the page: lines over a series of cases, and
// bars by server. Its input is numbers, names and functions that format numbers, and its output is
// SVG. gonum.org/v1/plot provides axes, transforms and text metrics.
//
// style.go defines colors and fonts, axis.go the ticks. canvas.go turns drawings into SVG. lines.go
// and bars.go draw.
//
// Invariants: the same input gives the same bytes. The background is white, so that a picture is
// readable on a dark and on a light page. A server looks the same in every picture, and differs
// from the others in more than its color.
package figure
