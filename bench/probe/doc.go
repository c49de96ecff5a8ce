// Command probe asks a daemon the same questions at a steady rate and says how long the answers
// took: a new connection with a subscribe request until the head has come, PING until PONG, and an
// admin snapshot if there is an admin.
//
// It is a process of its own, so that a load generator with nineteen thousand sockets does not
// stand between an answer and the clock.
//
// The invariant: a question is asked when it is due, whatever became of those before it, and its
// latency counts from then.
package main
