// Package store tests the real daemon while its store fails: the embedded store on a disk, or a
// real NATS server.
//
// It holds tests only. The one invariant: if a message was answered OK, every subscriber receives
// it exactly once, or a gap event in its place.
package store
