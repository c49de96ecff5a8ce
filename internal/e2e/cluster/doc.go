// Package cluster tests several real daemons that share a cluster of real NATS servers, with
// HAProxy in front of them. Tests run them without faults, and with the loss of a server, of a
// daemon, or of a link between them.
//
// It holds tests only. The one invariant: after any loss, each test compares every message that a
// publisher was answered OK for with the messages that each subscriber has received, number by
// number.
package cluster
