// Package backoff computes how long a client waits before it reconnects. All clients of ssed use
// it: "ssed sub", "ssed pub" and the Go packages on which they are built.
//
// The one invariant: a client never reconnects earlier than the server asked it to, and clients
// that lost their connections at the same moment do not all reconnect at the same moment.
package backoff

import (
	"math/rand/v2"
	"time"
)

const (
	// Default is the first wait if the server has not asked for another one.
	Default = time.Second
	// Min is the shortest first wait that a server can ask for. Without it, clients would connect
	// in a tight loop to a server that closes every connection immediately.
	Min = 250 * time.Millisecond
	// Max is the longest first wait that a server can ask for.
	Max = 5 * time.Minute
	// DoubledMax is the limit of doubling. With it, all clients are connected again within half a
	// minute after a server's return.
	DoubledMax = 20 * time.Second
)

// Wait returns how long to wait before the next attempt. It doubles first once for each failed
// attempt since the last connection, and adds up to half of the result at random.
func Wait(first time.Duration, failures int) time.Duration {
	wait := min(max(first, Min), Max)
	for range failures {
		if wait >= DoubledMax {
			break
		}
		wait = min(2*wait, DoubledMax)
	}
	return wait + rand.N(wait/2)
}
