// Package publishers tests publishers of the real daemon in difficult situations. They close or die
// in the middle of a line, a thousand of them publish at the same time, they publish faster than
// the loop delivers, or the daemon runs out of descriptors.
//
// It holds tests only. The one invariant: a subscriber receives every message that was answered OK,
// each publisher's messages in the order in which they were published, and nothing else.
package publishers
