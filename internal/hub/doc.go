// Package hub holds the parts of a daemon that exist once: its addresses, its tokens, the checks of
// messages that the program publishes, the program's hooks, and start and shutdown. Connections,
// streams and deadlines, which exist once per thread, are in package loop.
//
// A Hub has one loop. Sequence numbers, the kept messages, and the counters that limits need (per
// address, of subscribers, of calls of Authorize) are in the loop, too. Only the loop's goroutine
// uses them, so they need no lock.
//
// A message that a publisher sends to the loop reaches subscribers without passing through this
// package. The package does not know gnet.
//
// The one invariant: everything that other goroutines share with the loop is created here, before
// the loop runs, and is safe to share. The tokens are atomic, the queue of hooks has its own lock,
// and the rest does not change.
package hub
