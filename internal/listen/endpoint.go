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
	Network string // "tcp", "unix", or "tls" (only from ParseTarget)
	Address string // "host:port", or the absolute path of a socket
}

// ParseEndpoint parses "tcp://host:port" or "unix:///path". An empty host means every address of
// the machine, and port 0 any free port.
func ParseEndpoint(url string) (Endpoint, error) {
	e, err := parse(url)
	if err != nil {
		return Endpoint{}, fmt.Errorf("invalid URL %q: %w", url, err)
	}
	return e, nil
}

// errScheme is the error for text that begins with no known scheme.
var errScheme = errors.New("expected tcp://host:port or unix:///path")

// parse implements ParseEndpoint. Its errors do not contain the URL.
func parse(url string) (Endpoint, error) {
	network, address, ok := strings.Cut(url, "://")
	e := Endpoint{Network: network, Address: address}
	switch {
	case ok && network == "tcp":
		return e, checkHostPort(address, "tcp://host:port, such as tcp://127.0.0.1:8002")
	case ok && network == "unix":
		return e, checkPath(address)
	}
	return e, errScheme
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
	url := address
	if !strings.Contains(address, "://") {
		url = "tcp://" + address
	}
	e, err := parse(url)
	switch {
	case err == nil:
		return e, nil
	case err == errScheme:
		err = errors.New("expected host:port, :port or unix:///path")
	case url != address: // the error explains the URL form only
		err = errors.New("expected host:port or :port, such as 127.0.0.1:8001 or [::1]:8001, or unix:///path")
	}
	return Endpoint{}, fmt.Errorf("invalid address %q: %w", address, err)
}

// checkHostPort refuses an address that is not a host and a port. form is the expected URL.
func checkHostPort(address, form string) error {
	host, port, err := net.SplitHostPort(address)
	if at, ok := errors.AsType[*net.AddrError](err); ok && at.Err == "missing port in address" {
		return fmt.Errorf("the port is missing: expected %s", form)
	}
	if err != nil {
		return fmt.Errorf("expected %s; an IPv6 address must be in [brackets]", form)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("invalid port %q: expected a number from 0 to 65535", port)
	}
	if strings.ContainsAny(host, "/?#%@ ") {
		return fmt.Errorf("invalid character in host %q: expected %s", host, form)
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
