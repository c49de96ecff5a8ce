// Package conformance checks that a server implements the publishers' line protocol exactly. It is
// test code that other packages run over their own sockets, so that publishers cannot distinguish
// one event loop from another.
//
// It has two references: scripts with the expected replies, and a publish.Session that gets the
// same bytes without a socket. A server must agree with both.
package conformance
