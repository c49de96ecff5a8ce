// Package hush keeps Bubble Tea from talking to the terminal of commands that do
// not use it.
//
// When version 1 of it is merely linked in, its init asks the terminal for its
// background colour: each ssed command, the daemon too, would write escape
// sequences, swallow what was typed meanwhile, and wait up to five seconds for a
// terminal that does not answer. It asks none that calls itself dumb.
//
// The one invariant: this package imports nothing but syscall. Of packages that
// are ready, Go initialises the one whose path sorts first; os/exec, which Bubble
// Tea imports, sorts behind this one, so this one is always first.
package hush

import "syscall"

var term, known = syscall.Getenv("TERM")

func init() { _ = syscall.Setenv("TERM", "dumb") }

// Restore gives the terminal its name back. It is for an init that runs after
// Bubble Tea's, which is that of any package that imports it.
func Restore() {
	if known {
		_ = syscall.Setenv("TERM", term)
		return
	}
	_ = syscall.Unsetenv("TERM")
}
