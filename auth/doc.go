// Package auth knows the tokens: what each may do, and below which namespace.
//
// It does no I/O and never prints a token: its errors name the place of a line,
// not what it holds.
//
// The one invariant: how long a comparison takes does not depend on how much of
// a token was guessed right.
package auth
