// Package backoff says how long a client waits before it connects again. It holds
// the numbers for every client of ssed: "ssed sub", "ssed pub" and the Go packages
// behind them.
//
// The one invariant: a client never connects earlier than it was asked to, and
// clients that lost their connections at the same time do not come back at the same
// time.
package backoff

import (
	"math/rand/v2"
	"time"
)

const (
	// Default is the first wait if the server has not asked for another one.
	Default = time.Second
	// Min is the shortest first wait that a server can ask for. Without it, a server
	// that closes every connection at once would be called in a tight loop.
	Min = 250 * time.Millisecond
	// Max is the longest first wait that a server can ask for.
	Max = 5 * time.Minute
	// DoubledMax is where doubling ends: half a minute after a server is back, all
	// of its clients are.
	DoubledMax = 20 * time.Second
)

// Wait returns how long to wait before the next attempt: first, doubled once for
// each failed attempt since the last connection, plus up to half of that at random.
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
