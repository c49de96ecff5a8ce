// Package auth checks tokens: it maps each token to its rights, and to the namespaces to which they
// apply.
//
// It does no I/O and never prints a token: its errors contain the number of a line, not its
// content.
//
// The one invariant: the time of a comparison does not depend on how much of a token was guessed
// correctly.
package auth
