// Package admin shows what a daemon is doing: a page, JSON, metrics for
// Prometheus, and profiles.
//
// It is net/http over snapshots. It asks the event loop (package loop) a question
// at a time, each of which the loop answers within a millisecond, and does all
// that takes longer (sorting, encoding, slow clients) on goroutines of its own.
// What takes a walk over all subscribers, those who ask at the same time share.
// Nothing here belongs to the loop, and nothing here can hold it up.
//
// The invariant: whoever is shown anything but healthz has passed access, and
// whoever changes anything came from a page of ours or is no browser.
package admin
