// Nats is a NATS server with JetStream, for the bench alone: one of a cluster, or one by itself. It
// is the library that the daemon embeds, of the same version, in a process of its own, so that no
// other program is needed.
//
// The one invariant: it listens on loopback, and nowhere else.
package main
