// Package loop is the daemon's event loop: it accepts subscribers and publishers, and moves
// every message from the publishers to the subscribers. It is the only package that imports
// gnet.
//
// One goroutine, gnet's event loop, owns the state, which is one value of type Loop. Other
// goroutines reach it through the mailbox, inboxes and a few atomics, which the comment of
// that type lists. A message that the loop reads itself takes no lock and waits for no
// other goroutine, unless there is a Store.
//
// How a message travels:
//
//	publisher.go   bytes from a publisher → one checked message
//	fanout.go      its frame is appended to the stream of each audience
//	pass.go        a pass walks the audiences whose streams have grown
//	subscriber.go  and writes to each subscriber's socket from its cursor
//	watch.go       a full socket is written to again once it drains
//
// The one invariant: a message that was answered OK is in every stream that it belongs to,
// or on its way there in the mailbox or the Store. A subscriber that cannot have all of its
// stream is closed and counted, or gets a gap event, unless Options.NoGapEvent switches
// these off.
package loop
