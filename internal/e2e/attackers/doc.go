// Package attackers tests the real daemon under attack: endless request heads, silent connections,
// floods and resets.
//
// It holds tests only. The one invariant, which every test checks with an attack: during the
// attack, a bystander receives every message within 5 s, and the daemon's memory stays below a
// stated bound. After the attack, every attacker's connection is closed within its deadline, and a
// new client is served.
package attackers
