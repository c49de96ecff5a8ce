// Command probe sends questions to a daemon at a steady rate and reports the latencies of the
// answers. It measures the time from a new connection with a subscribe request to the response
// head, the time from PING to PONG, and the time of an admin snapshot, if the daemon has the pages.
//
// It is a separate process, so that a load generator with 19,000 sockets does not delay its clock.
//
// Invariant: a question is asked when it is due, independent of earlier questions, and its latency
// counts from that time.
package main
