// Package stream implements an append-only run of frames in memory, the Stream. Any number of
// subscribers read it, each with its own Cursor.
//
// It does no I/O, and has no clock, no goroutines and no locks. The owner of a Stream serializes
// all access to it and to its Pool.
//
// The one invariant: a Stream holds only whole frames, so a cursor at the end of a Stream is always
// between two frames.
package stream
