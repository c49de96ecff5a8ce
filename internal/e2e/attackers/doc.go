// Package attackers tests the real daemon under attack: heads that never end,
// connections that say nothing, floods, resets.
//
// It holds tests only. The one invariant, which every test checks by way of a
// siege: a bystander receives every message at once while the attack is on; the
// daemon's memory stays below a stated bound; afterwards every connection of the
// attackers is gone within its deadline, and a client that comes then is served.
package attackers
