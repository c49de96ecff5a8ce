// Package stream holds the Stream: a run of frames in memory that any number of
// subscribers read, each with a Cursor of its own.
//
// It does no I/O, and there is no clock, no goroutine and no lock in here. The owner
// of a Stream serializes all access to it and to its Pool.
//
// The one invariant: a Stream holds whole frames only, so a cursor at the end of a
// Stream always stands between two frames.
package stream
