// Package loop is the daemon's event loop: it accepts subscribers and
// publishers, and moves every message from the one to the other.
//
// All state lives in one unexported loop value, which one goroutine, gnet's
// event loop, owns. No other goroutine touches it, so there is no lock in it.
// What comes from elsewhere goes through the mailbox or a call, and wakes
// the loop. It is the only package that imports gnet.
//
// How a message travels:
//
//	publisher.go   bytes from a publisher → one checked message
//	loop.go        its frame is appended to the stream of each audience
//	pass.go        a pass walks the audiences that have something new
//	subscriber.go  and pumps each subscriber's socket from its cursor
//	watch.go       a socket that is full is pumped again once it drains
//
// The one invariant: whatever was answered OK is in every stream that it
// belongs to, and a subscriber that cannot have all of its stream is closed and
// counted. Nobody misses something and stays connected.
package loop
