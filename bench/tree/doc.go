// Package tree finds the two directories that a program of the bench needs. One is the root of
// ssed's source, where the program builds servers and asks git for the commit. The other is the
// directory of the user's shell, because paths on the command line are relative to it. They differ,
// because "go run -C bench ." starts the program in bench.
//
// Invariant: the search for the root starts in the directory in which the process started, so it
// does not depend on the user's directory.
package tree
