// Package attackers tests the real daemon under attack: heads that never end,
// connections that say nothing, floods, resets.
//
// It holds tests only. The one invariant, which every test checks with an attack:
// a bystander receives every message at once during the attack; the daemon's memory
// stays below a stated bound; afterwards every connection of the attackers is gone
// within its deadline, and a client that comes then is served.
package attackers
