// Package overload tests the real daemon with more load than it can or may serve: crowds of
// subscribers that read slowly or not at all, and more connections than the limits or the
// descriptors allow.
//
// It holds tests only. The one invariant, which every test checks with a scenario: the other
// subscribers receive every message, byte for byte, within 5 s. A subscriber that misses messages
// gets a gap event, or is disconnected for exactly the reason that the log gives.
package overload
