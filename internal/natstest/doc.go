// Package natstest starts real NATS servers for tests, each a process of its own:
// one, or a cluster whose links can be cut.
//
// It is for tests only. A server is the test's own binary, started again, so no
// other program is needed: importing this package is enough. The one invariant:
// nothing that it starts outlives the test that asked for it, even if that is killed.
package natstest
