package listen

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// unixPathBytesMax is the longest path that fits into Linux's sockaddr_un with its NUL.
const unixPathBytesMax = 107

// An Endpoint is an address to listen on or to connect to.
type Endpoint struct {
	Network string // "tcp" or "unix"
	Address string // "host:port", or the absolute path of a socket
}

// ParseEndpoint parses "tcp://host:port" or "unix:///path". An empty host means every address of
// the machine, and port 0 any free port.
func ParseEndpoint(url string) (Endpoint, error) {
	network, address, ok := strings.Cut(url, "://")
	if !ok {
		return Endpoint{}, fmt.Errorf("invalid URL %q: expected tcp://host:port or unix:///path", url)
	}
	e := Endpoint{Network: network, Address: address}
	var err error
	switch network {
	case "tcp":
		err = checkHostPort(address)
	case "unix":
		err = checkPath(address)
	default:
		err = errors.New("expected the scheme tcp or unix")
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("invalid URL %q: %w", url, err)
	}
	return e, nil
}

// ParseEndpoints parses several URLs. The error reports the first invalid URL.
func ParseEndpoints(urls []string) ([]Endpoint, error) {
	endpoints := make([]Endpoint, len(urls))
	for i, url := range urls {
		e, err := ParseEndpoint(url)
		if err != nil {
			return nil, err
		}
		endpoints[i] = e
	}
	return endpoints, nil
}

// ParseListen parses an address for subscribers: "host:port", ":port" or a URL as in ParseEndpoint.
func ParseListen(address string) (Endpoint, error) {
	if strings.Contains(address, "://") {
		e, err := ParseEndpoint(address)
		if err != nil {
			return e, fmt.Errorf("invalid listen address %q: %w", address, err)
		}
		return e, nil
	}
	e, err := ParseEndpoint("tcp://" + address)
	if err != nil { // ParseEndpoint's error explains the URL form only
		return e, fmt.Errorf("invalid listen address %q: expected host:port or :port, such as 127.0.0.1:8001 or [::1]:8001, or unix:///path", address)
	}
	return e, nil
}

func checkHostPort(address string) error {
	const form = "expected tcp://host:port, such as tcp://127.0.0.1:8002"
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("missing port or ambiguous host: %s; an IPv6 address must be in [brackets]", form)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("invalid port %q: expected a number from 0 to 65535", port)
	}
	if strings.ContainsAny(host, "/?#%@ ") {
		return fmt.Errorf("invalid character in host %q: %s", host, form)
	}
	return nil
}

// checkPath refuses paths that the event libraries would misread, because both parse an address as
// a URL.
func checkPath(path string) error {
	const form = "expected unix:///path, such as unix:///run/ssed.sock"
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("the path must be absolute: %s", form)
	case strings.HasSuffix(path, "/"):
		return fmt.Errorf("the path ends with a slash: %s", form)
	case strings.ContainsAny(path, "?#%") || strings.Contains(path, "://") || strings.ContainsFunc(path, unicode.IsControl):
		return errors.New(`the path of a socket must not contain "?", "#", "%", "://" or control characters`)
	case len(path) > unixPathBytesMax:
		return fmt.Errorf("the path is too long: it has %d bytes, and Linux allows %d for a socket", len(path), unixPathBytesMax)
	}
	return nil
}

// String returns the endpoint as a URL.
func (e Endpoint) String() string { return e.Network + "://" + e.Address }

// Loopback reports whether only this machine can reach the endpoint. This is true for a unix
// socket, and for TCP if the host is a loopback address or "localhost".
func (e Endpoint) Loopback() bool {
	if e.Network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(e.Address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
