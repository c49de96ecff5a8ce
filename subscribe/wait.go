package subscribe

import (
	"math/rand/v2"
	"time"
)

const (
	retryDefault = time.Second            // where the stream does not say
	retryMin     = 250 * time.Millisecond // whatever it says: a stream that ends at once must not spin
	retryMax     = 5 * time.Minute        // whatever it says, too
	// backoffMax is where doubling ends. Half a minute after a server is back all of
	// its clients are.
	backoffMax = 20 * time.Second
)

// pause is how long to wait before the next try: what the stream asked for, doubled
// with each failure since it was last there, and up to half as much again, so that
// those who were cut off at the same time do not come at the same time. Nobody comes
// before he was asked to.
func pause(retry time.Duration, failures int) time.Duration {
	wait := min(max(retry, retryMin), retryMax)
	for range failures {
		if wait >= backoffMax {
			break
		}
		wait = min(2*wait, backoffMax)
	}
	return wait + rand.N(wait/2)
}
