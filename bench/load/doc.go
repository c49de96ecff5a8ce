// Package load generates load. It uses one thread, one epoll loop, up to 19,000 subscribers and one
// publisher. It connects only to loopback addresses.
//
// A run has three phases. In the warm phase messages flow, but nothing is counted. In the measure
// phase deliveries and latencies are counted. In the drain phase publishing has stopped, and every
// subscriber must still receive all published messages. At the end of a run, every subscriber has
// received every message of its topic once and in order. Otherwise the run fails, and none of its
// numbers is reported.
//
// In a closed loop, each topic has a number of messages in flight. The next message is published
// when the slowest subscriber has received the oldest. In an open loop, messages are due at a fixed
// rate. Latency counts from the time when a message was due, even if the generator sends it later.
// So a stall of the server increases the latency of every message that was due during the stall.
//
// Streams are checked in one of two ways. If a server's framing is known, all its bytes are known
// in advance. They are compared, which costs about as much as copying them. Any other stream (with
// chunks, comments, ids or another order of fields) goes through a scanner. The scanner finds the
// payloads in the stream and checks each of them.
//
// A Crowd is another generator. Its subscribers connect and leave, or read slowly or never, and
// several publishers publish to several namespaces. The bytes of a subscriber's stream are not
// known in advance, so the scanner finds every payload, and a route determines which number is due.
//
// Bursts are single messages. The generator sleeps while the server delivers them, and reads them
// afterwards, with the kernel's times of arrival.
//
// Invariant: between the first and the last message of a run, the loop allocates nothing and waits
// only in epoll.
package load
