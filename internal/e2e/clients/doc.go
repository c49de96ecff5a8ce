// Package clients holds what the tests of real clients send, and what every client
// must show of it. The tests beside it start the real daemon and drive curl, Node's
// EventSources and three browser engines: Chromium, Firefox and WebKit, all by
// node/browser.mjs. The pages in web report everything that they see to the test's own
// server. The tests of ../goclients, a module of its own for the sake of its
// dependencies, drive SSE clients written in Go.
//
// It is for tests only. The one invariant: what a client received is compared with
// what was sent, by content and by order, to the last byte.
package clients
