// Package testtool contains helpers for the tests of several packages: the real daemon, other
// programs, clients and faulty networks.
//
// It is for tests only. Its invariant is that nothing that it starts outlives the test that
// started it.
package testtool
