// Package tree knows the two directories that a program of the bench needs: the root of ssed's
// source, where it builds the servers and asks git for the commit, and the directory of the user's
// shell, to which paths on the command line are relative. They differ, because "go run -C bench ."
// starts the program in bench.
//
// The invariant: the root is looked for before the process changes its directory, so it does not
// depend on where the user is.
package tree
