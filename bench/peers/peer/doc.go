// Package peer contains the common parts of the Go servers: flags, the two listeners, and the
// publishers' lines. The measured difference between them is the [Hub]: how a library gets a
// message to its subscribers.
//
// Invariant: every library gets its messages in the same way, from ssed's own parser, without a
// queue in between.
package peer
