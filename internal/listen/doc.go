// Package listen opens what a server listens on: TCP ports and unix sockets. It parses
// and checks addresses, claims TCP ports until an event library listens on them (Claims),
// and accepts on unix sockets itself (UnixListeners).
//
// It imports no event library. A connection that it accepts goes to a function of the
// caller's; package loop passes it to gnet there. It does not read from connections and
// knows no protocol.
//
// The one invariant: nothing here takes an address away from another process. A unix path
// is removed only if it is a socket that refuses connections, and a port that is in use
// stays an error even where SO_REUSEPORT would share it.
package listen
