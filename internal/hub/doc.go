// Package hub holds the parts of a daemon that exist once: its addresses, its tokens, the checks of
// messages that the program publishes, the program's hooks, and start and shutdown. Connections,
// streams and deadlines, which exist once per thread, are in package loop.
//
// A Hub has one loop or several. With one, sequence numbers and the kept messages are in the loop:
// only its goroutine uses them, so they need no lock. With several, they are in loop.Shared.
// Counters for limits are there in both cases. The kernel distributes TCP connections to the loops,
// and the Hub distributes connections of unix sockets, to each loop in turn.
//
// The loops start and end together. If one of them ends without Shutdown, the Hub stops the others.
//
// A message that a publisher sends to the loop reaches subscribers without passing through this
// package. The package does not know gnet.
//
// The one invariant: everything that other goroutines share with the loops is created here, before
// the loops run, and is safe to share. The tokens are atomic, the queue of hooks has its own lock,
// loop.Shared has atomics and locks, and the rest does not change.
package hub
