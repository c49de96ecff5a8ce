// Package storestatus has the figures of a store, from the store to those who show them:
// the admin pages, the metrics and ssed top. Each figure is declared once.
//
// It asks nobody and formats nothing but the reason why a node is unfit.
//
// The one invariant: a figure has one name in JSON and one in the metrics, and both stand
// beside its field.
package storestatus
