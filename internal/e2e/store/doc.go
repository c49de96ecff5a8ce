// Package store breaks what the real daemon keeps its messages in: its own store on
// a disk, or a real NATS server beside it.
//
// It holds tests only. The one invariant: what a publisher was told OK for, every
// subscriber has once, or was told of a gap where it should be.
package store
