// Package load is the generator: one thread, one epoll loop, up to nineteen thousand subscribers
// and one publisher, all over loopback and nowhere else.
//
// A run has three phases. Warm: messages flow, nothing is counted. Measure: deliveries and
// latencies are counted. Drain: publishing has stopped, and every subscriber must still get all
// that was published. At the end of a run every subscriber has seen every message of its topic once
// and in order, or the run is an error and no number of it is shown.
//
// Closed loop: each topic has a number of messages in flight; the next is published when the
// slowest subscriber has received the oldest. Open loop: messages are due at a fixed rate, and
// latency counts from when a message was due, not from when the generator got round to it, so a
// stall of the server is felt by every message that should have been sent meanwhile.
//
// What arrives is checked in one of two ways. A server of known framing sends bytes that are known
// beforehand: they are compared, all of them, which costs about as much as copying them. Any other
// stream (chunks, comments, ids, other field order) goes through a scanner that finds the payloads
// in it, wherever they are, and checks each.
//
// A Crowd is the other generator: subscribers that come and go, read slowly or never, and several
// publishers over several namespaces. What comes to whom is not known to the byte, so every payload
// is found by the scanner, and a route says which number is due.
//
// The invariant: between the first message and the last, the loop allocates nothing and waits only
// in epoll.
package load
