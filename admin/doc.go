// Package admin serves the admin pages of a daemon: the status page, JSON, metrics for Prometheus,
// and profiles.
//
// It is a net/http server over data of the event loop (package loop). Each call to the loop
// occupies it for less than a millisecond. Everything that takes longer (sorting, encoding, slow
// clients) runs on other goroutines. A list of all subscribers takes many calls, so concurrent
// requests share it. Nothing here belongs to the loop, and nothing here can block it.
//
// The invariant: every request except healthz and the sign-in form has passed the access check. A
// request that changes something comes from one of our own pages or from a client that is not a
// browser.
package admin
