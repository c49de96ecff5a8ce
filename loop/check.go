package loop

import (
	"fmt"
	"time"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/internal/subreq"
	"github.com/ssed/ssed/sse"
)

// CheckListen tells what is wrong with an address of Options.Listen. It does not
// ask whether the address is free.
func CheckListen(address string) error {
	_, err := listen.ParseListen(address)
	return err
}

// Bounds of reconnection times. Shorter ones would make a crowd that cannot get in a
// flood; after longer ones a page looks dead.
const (
	retryLeast = 100 * time.Millisecond
	retryMost  = time.Hour
)

// CheckRetry returns what is wrong with Options.RetryMin and Options.RetryMax, once their
// defaults are filled in.
func CheckRetry(shortest, longest time.Duration) error {
	switch {
	case shortest < retryLeast || longest > retryMost:
		return fmt.Errorf("invalid times %v to %v: expected %v to %v", shortest, longest, retryLeast, retryMost)
	case shortest > longest:
		return fmt.Errorf("invalid times %v to %v: the first must not be longer than the second", shortest, longest)
	}
	return nil
}

// CheckGapEvent returns what is wrong with Options.GapEvent. The name must be one that
// publishers' events cannot have in a browser, and there an event without a name has the
// type "message" (HTML section 9.2.6). An EventSource fires "open" and "error" for its
// connection (section 9.2.3), so a page would take a gap of that name for those.
func CheckGapEvent(name string) error {
	switch name {
	case "message":
		return fmt.Errorf("%w: browsers give the name %q to every event without one; use another name", sse.ErrEvent, name)
	case "open", "error":
		return fmt.Errorf("%w: browsers fire %q for the connection itself; use another name", sse.ErrEvent, name)
	}
	return sse.CheckEvent(name)
}

// CheckCORSOrigins tells what is wrong with Options.CORSOrigins.
func CheckCORSOrigins(origins []string) error {
	_, err := subreq.ParseOrigins(origins)
	return err
}

// CheckTrustedProxies tells what is wrong with Options.TrustedProxies.
func CheckTrustedProxies(proxies []string) error {
	_, err := newTrust(proxies)
	return err
}
