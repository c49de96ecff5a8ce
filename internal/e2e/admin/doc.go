// Package admin tests the daemon's admin page as an operator uses it: a headless Chromium clicks
// and types on the page of a real daemon.
//
// It holds tests only. The one invariant: the page sends requests only to the daemon that served
// it, and logs nothing to the browser's console, except the messages that a test expects.
package admin
