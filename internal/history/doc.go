// Package history keeps the newest messages of each namespace in memory, for subscribers that
// resume after a sequence number, from a time, or with the last N messages.
//
// It does no I/O, and has no clock, no goroutines and no locks. The owner of a History serializes
// all access to it and passes the time in, in a unit of its choice.
//
// The one invariant: a History knows of every loss. If a message that was added is missing from the
// result of Read, Lost reports a number that is not smaller. It may report a loss that concerns
// another namespace, but it never misses a loss.
package history
