// Package admin drives the daemon's admin page as an operator does: the real
// daemon, and a headless Chromium that is clicked and typed into.
//
// It is for tests only. The one invariant: whatever the page does, no request of
// it goes to anybody but the daemon, and its console stays silent.
package admin
