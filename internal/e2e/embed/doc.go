// Package embed tests ssed as a part of other programs. They are ports of the two examples of
// mroth/sseserver, the predecessor of ssed, and must do for their users what the originals did.
//
// The one invariant: each example is a separate program, built and started as a process.
package embed
