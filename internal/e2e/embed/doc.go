// Package embed tests ssed as a part of other programs: the two that the ancestor,
// mroth/sseserver, had as examples are here as ports, and do for their users what they
// did. Each is a program of its own, started as a process.
package embed
