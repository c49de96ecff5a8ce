// Package sse implements the wire format of Server-Sent Events (HTML section 9.2): messages and the
// rules for their fields, the frames into which messages are encoded, ids, gap events, and a
// Decoder for clients.
//
// It does no I/O, and has no clock, no goroutines and no locks. It does not store frames.
//
// The one invariant: AppendFrame writes exactly one event, whatever the data contains.
package sse
