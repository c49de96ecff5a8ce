// Package publishers tests what publishers may do to the real daemon, and to each
// other: die within a line, come a thousand at once, publish faster than the loop
// delivers, and find the descriptors gone.
//
// It holds tests only. The one invariant: a subscriber receives every message that
// was answered with OK, each publisher's in the order in which they were published,
// and nothing else.
package publishers
