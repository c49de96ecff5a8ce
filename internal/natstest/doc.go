// Package natstest starts real NATS servers for tests, each in its own process: a single
// server, or a cluster whose links can be cut.
//
// It is for tests only. A server is the test's own binary, started again, so no other program
// is needed: importing this package is enough. Its invariant is that no process outlives the
// test that started it, even if the test is killed.
package natstest
