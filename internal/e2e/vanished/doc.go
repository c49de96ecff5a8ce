// Package vanished tests the real daemon with clients that vanish without a FIN or a RST.
//
// It holds tests only. Daemon and clients run in separate network namespaces (testtool.Place), so
// the tests need root, and affect no other network. The one invariant: the daemon disconnects a
// vanished client within the heartbeat interval plus --stall-timeout, and not before
// --stall-timeout, and no other client is affected.
package vanished
