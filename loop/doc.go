// Package loop is the event loop of a daemon, which has one or several. A loop accepts connections
// of subscribers and publishers, and moves every message from the publishers to its subscribers. No
// other package imports gnet.
//
// # Ownership
//
// One goroutine, on which gnet runs its event loop, owns all state of a loop: one value of type
// [Loop]. It takes no lock to use it. Other goroutines hand values over through the mailbox,
// inboxes and a few atomics; the comment of Loop lists them all. A function of this package runs on
// the loop's goroutine unless its comment names another one. In comments, "the loop" is the loop of
// that goroutine, also in a daemon with several.
//
// The loop must not block, so everything that may wait runs on another goroutine:
// Options.Authorize, reads of a Store, the program's hooks, and the admin pages. Results return
// through inboxes. The loop itself calls the logger, Options.Unfit, and the methods of a Store
// except Wait and Read, so these must return quickly.
//
// # Several loops
//
// Loops of one daemon do not use each other's state. They have one value of type [Shared] in
// common, with these parts:
//
//	feed.go           numbers, frames and keeps each message once, and copies it to each mailbox
//	sharedhistory.go  the window of all loops, with a lock
//	places.go         how many connections there are, for the limits
//	memorylimit.go    how much memory the backlogs of each loop take
//
// With one loop there is no feed and no shared history: the loop numbers and keeps messages without
// a lock.
//
// # Terms
//
//	audience   all subscribers with the same set of namespaces; they share one stream
//	stream     the frames of an audience's messages; each subscriber has a cursor in it
//	round      the streams that have grown and are not written to all sockets yet
//	pass       writes the streams of the round to the sockets
//	window     the newest messages, kept in memory for subscribers that reconnect
//	replay     sends a subscriber the messages that it missed
//	sequencer  numbers the messages, on its own or with the help of a Store; see feed
//	feed       with several loops: gives all loops the same messages in the same order
//	watch      reports when sockets that were full accept data again
//	tick       the unit of the loop's clock, 100 ms
//
// # The path of a message
//
//	publisher.go   bytes from a publisher → one checked message
//	fanout.go      the frame of the message is appended to the stream of each audience
//	pass.go        a pass walks the audiences whose streams have grown
//	subscriber.go  and writes to each subscriber's socket from its cursor
//	watch.go       a full socket is written to again once it has drained
//
// # Order
//
// The loop publishes one message at a time, and appends it to all matching streams before it
// publishes the next one. Therefore all subscribers get their messages in the same order, which is
// also the order of sequence numbers. Messages of one publisher's connection keep their order. A
// subscriber gets the messages that it missed before those of the live stream, and both in order.
// With a Store, the Store assigns the numbers, and the loop publishes in the order of the numbers.
//
// With several loops, the feed assigns the numbers or gets them from the Store. Each loop publishes
// all messages in that order, at its own pace.
//
// # The life of a connection
//
// Each connection has a peer, which handles its events and is kept as its context in gnet. The
// peer of a client's connection is one of these three types:
//
//	accept ─┬─► pendingConn ─┬─► subscriber ─────────────────► closed
//	        │                ├─► handed over (see Handover)
//	        │                └─► answered: lingers ──────────► closed
//	        └─► publisher ───────────────────────────────────► closed
//
// # The invariant
//
// A message that was answered OK is in every stream that it belongs to, or on its way there in the
// mailbox of a loop or in the Store. A subscriber that cannot get all of its stream is closed and
// counted, or gets a gap event, unless Options.NoGapEvent disables gap events.
package loop
