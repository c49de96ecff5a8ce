// Package history holds the History: the newest messages of each namespace, kept for
// subscribers that resume after a number, from a time, or with the last N messages.
//
// It does no I/O, and there is no clock, no goroutine and no lock in here. The owner
// of a History serializes all access to it and passes the time in, in a unit of its
// own.
//
// The one invariant: a History knows of every loss. If a message that was added is
// missing from what Read returns, Lost reports a number that is not smaller. It may
// report a loss that concerns another namespace, but never the reverse.
package history
