// Package server builds, starts, pins, observes and stops the servers that the bench measures. All
// measurements of a server come from /proc, so a server need not cooperate and cannot influence its
// numbers.
//
// Invariant: a [Process] runs on its own processor from its first instruction. When Stop returns,
// it and all its children have exited.
package server
