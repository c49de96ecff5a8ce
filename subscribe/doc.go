// Package subscribe is the client of event streams: it reads one over HTTP, and comes
// back by itself where it was cut off, with the id of what it has, as an EventSource
// does (HTML section 9.2). What the bytes mean is package sse's to say.
//
// The invariant: what is missed is never passed over in silence. A stream with ids is
// resumed where it broke; of one without, Run's caller is told each time that
// something may be missing.
package subscribe
