// Package conformance checks that a server speaks the publishers' line protocol
// to the last byte. It is test code that other packages run over their own
// sockets, so that publishers cannot tell one event loop from another.
//
// It knows the protocol twice: from scripts, and from a publish.Session that is
// fed the same bytes without a socket. A server must agree with both.
package conformance
