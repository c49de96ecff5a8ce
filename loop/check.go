package loop

import (
	"fmt"

	"github.com/ssed/ssed/internal/subreq"
)

// CheckListen tells what is wrong with an address of Options.Listen. It does not
// ask whether the address is free.
func CheckListen(address string) error {
	if _, err := listenEndpoint(address); err != nil {
		return fmt.Errorf("listen address %q: %w", address, err)
	}
	return nil
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
