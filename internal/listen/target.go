package listen

import (
	"errors"
	"fmt"
	"strings"
)

// ParseTarget parses the URL of a server to connect to: "tcp://host:port", "tls://host:port" (TLS
// over TCP) or "unix:///path". A TLS target has a host, because its client verifies the name.
func ParseTarget(url string) (Endpoint, error) {
	e, err := parse(url)
	if address, ok := strings.CutPrefix(url, "tls://"); ok {
		e, err = Endpoint{Network: "tls", Address: address}, checkTLS(address)
	}
	switch {
	case err == nil:
		return e, nil
	case err == errScheme:
		err = errors.New("expected tcp://host:port, tls://host:port or unix:///path")
	}
	return Endpoint{}, fmt.Errorf("invalid URL %q: %w", url, err)
}

func checkTLS(address string) error {
	const form = "tls://host:port, such as tls://example.org:8003"
	if strings.HasPrefix(address, ":") && !strings.Contains(address[1:], ":") {
		return fmt.Errorf("the host is missing: expected %s", form)
	}
	return checkHostPort(address, form)
}
