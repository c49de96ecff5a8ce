// Package server builds, starts, pins, watches and stops the servers that the bench measures. What
// it tells about them comes from /proc alone: the server needs no cooperation, and none can flatter
// it.
//
// The invariant: a [Process] is started on its own processor before its first instruction, and is
// dead when Stop returns, with all that it started.
package server
