// Package admin serves the admin pages of a daemon: the status page, JSON, metrics for Prometheus,
// and profiles.
//
// It is a net/http server over snapshots of the event loop (package loop). It requests one snapshot
// at a time, which the loop returns within a millisecond. Everything that takes longer (sorting,
// encoding, slow clients) runs on separate goroutines. A snapshot of all subscribers is more
// expensive, so concurrent requests share it. Nothing here belongs to the loop, and nothing here
// can block it.
//
// The invariant: every request except healthz and the sign-in form has passed the access check. A
// request that changes something comes from one of our own pages or from a client that is not a
// browser.
package admin
