// Package cluster tests several real daemons that act as one, on a cluster of real
// NATS servers, with HAProxy before them: while all is well, and while a server, a
// daemon or a link between them is lost.
//
// It holds tests only. The one invariant: whatever was lost, a test ends by
// comparing all that publishers were answered OK for with all that each subscriber
// has, number by number.
package cluster
