// Package storestatus defines the state and the counters of a store, for the admin pages, the
// metrics and ssed top. Each value is declared once.
//
// The package does no I/O. It formats only one text, the reason why a node is unfit.
//
// The one invariant: each value has one name in JSON and one name in the metrics. Both are in the
// tag of its field.
package storestatus
