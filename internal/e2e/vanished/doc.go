// Package vanished tests the real daemon with clients that vanish without a word:
// no FIN, no RST, only silence.
//
// It holds tests only. Daemon and clients live in network namespaces of their own
// (testtool.Place), so the tests need root, and harm no network but their own. The
// one invariant: a client that is gone is found within the heartbeat interval plus
// --stall-timeout, and not before --stall-timeout; and nobody else notices.
package vanished
