// Package overload tests the real daemon with more than it can or may serve:
// subscribers that read slowly, not at all or not any more, in crowds, and more
// connections than there are places or descriptors.
//
// It holds tests only. The one invariant, which every test checks with a scenario:
// the other subscribers get every message, byte for byte, at once. A subscriber that
// misses messages gets a gap event, or is closed, for the one reason that the log has.
package overload
