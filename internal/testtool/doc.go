// Package testtool holds what tests of several packages need: the programs that
// a test may want, and the real daemon.
//
// It is for tests only. The one invariant: nothing that it starts outlives the
// test that asked for it.
package testtool
