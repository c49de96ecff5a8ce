// Package peer is what the Go servers beside ssed share: flags, the two listeners, and the
// publishers' lines. What differs, and is measured, is the [Hub]: a library's way from one message
// to its subscribers.
//
// The invariant: every library gets its messages in the same way, from ssed's own parser, with no
// queue in between.
package peer
