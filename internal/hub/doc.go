// Package hub is what exists once in a daemon and is not on the way of a message: its
// addresses, its tokens, the checks of messages that a program publishes, the program's
// hooks, and the way from the start to the end. Connections, streams and deadlines, which
// exist once per thread, are in package loop.
//
// A Hub has one loop. Numbers, the window of kept messages, and the counts that limits need
// (per address, of subscribers, of calls of Authorize) are in the loop, too: its goroutine is
// the only one that uses them, so they need no lock there.
//
// Nothing here is on the way of a message from a publisher on the loop to subscribers,
// and nothing here knows gnet.
//
// The one invariant: what other goroutines share with the loop is made here, before the
// loop runs, and is safe to share: the tokens are atomic, the queue of hooks has a lock of
// its own, and the rest does not change any more.
package hub
