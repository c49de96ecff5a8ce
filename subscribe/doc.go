// Package subscribe implements a client for event streams. It reads a stream over HTTP. When the
// connection is lost, it reconnects with the id of the last event, like an EventSource (HTML
// section 9.2). Package sse decodes the bytes.
//
// The invariant: the client never misses events silently. A stream with ids is resumed where it
// broke. For a stream without ids, Run informs its caller after each loss that events may be
// missing.
package subscribe
