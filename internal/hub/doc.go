// Package hub is what exists once in a daemon: its addresses, its tokens, the checks of
// messages that a program publishes, the program's hooks, and the way from the start to
// the end. What exists once per thread, such as connections and streams, is in package
// loop; a Hub has one loop, and nothing here depends on that number being one but the
// field itself.
//
// Nothing here is on the way of a message from a publisher on the loop to subscribers,
// and nothing here knows gnet.
//
// The one invariant: what other goroutines share with the loop is made here, before the
// loop runs, and is safe to share: the tokens are atomic, the queue of hooks has a lock of
// its own, and the rest does not change any more.
package hub
