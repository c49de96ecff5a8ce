// Package sse holds the wire format of Server-Sent Events (HTML section 9.2): messages
// and the rules for their fields, the frames that they become, ids, gap events, and a
// Decoder for the receiving side.
//
// It does no I/O: bytes and values in, bytes and values out. There is no socket, no
// clock, no goroutine and no lock in here. Storage of frames does not belong here
// either.
//
// The one invariant: AppendFrame writes exactly one event, whatever the data contains.
package sse
