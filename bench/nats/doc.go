// Command nats is a NATS server with JetStream for the bench, alone or as part of a cluster. It is
// the library that the daemon embeds, in the same version, in a separate process, so that the bench
// needs no other program.
//
// Invariant: it listens only on loopback.
package main
