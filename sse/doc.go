// Package sse holds what goes out on the wire of Server-Sent Events: messages,
// the frames that are made of them, and the Stream that subscribers read. A Decoder
// reads it, on the other side.
//
// It does no I/O: bytes and values in, bytes and values out. There is no
// socket, no clock, no goroutine and no lock in here; whoever owns a Stream
// serializes all access to it.
//
// The one invariant: a Stream holds whole frames only, so a cursor that stands
// at the end of a Stream always stands between two frames.
package sse
