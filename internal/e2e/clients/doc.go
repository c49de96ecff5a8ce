// Package clients tests real clients of the daemon: curl, the EventSources of Node, and three
// browser engines (Chromium, Firefox and WebKit), which node/browser.mjs drives. The pages in web
// report everything they see to the test's own server. This package also holds the messages that
// the tests send, for ../goclients, which tests SSE clients written in Go. That is a separate
// module, because of its dependencies.
//
// It is for tests only. The one invariant: a client must receive exactly what was sent, compared by
// content and by order, to the last byte.
package clients
