// Package listen opens the addresses of a server: TCP ports and unix sockets. It parses and checks
// addresses, reserves TCP ports until an event library listens on them (Claims), and accepts
// connections on unix sockets itself (UnixListeners).
//
// It imports no event library. It passes each accepted connection to a function of the caller;
// package loop gives it to gnet there. It does not read from connections and knows no protocol.
//
// The one invariant: this package never takes an address away from another process. It removes a
// unix path only if it is a socket that refuses connections. A port in use remains an error even if
// SO_REUSEPORT would share it.
package listen
