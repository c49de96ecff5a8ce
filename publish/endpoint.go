package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// unixPathBytesMax is what fits into Linux's sockaddr_un beside the final NUL.
const unixPathBytesMax = 107

// An Endpoint is where publishers connect.
type Endpoint struct {
	Network string // "tcp" or "unix"
	Address string // "host:port", or the absolute path of a socket
}

// ParseEndpoint reads "tcp://host:port" or "unix:///path". An empty host means
// every address of the machine, port 0 any free port.
func ParseEndpoint(url string) (Endpoint, error) {
	network, address, ok := strings.Cut(url, "://")
	if !ok {
		return Endpoint{}, fmt.Errorf("%q is not a URL: write tcp://host:port or unix:///path", url)
	}
	e := Endpoint{Network: network, Address: address}
	var err error
	switch network {
	case "tcp":
		err = checkHostPort(address)
	case "unix":
		err = checkPath(address)
	default:
		err = errors.New("the scheme must be tcp or unix")
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("bad URL %q: %w", url, err)
	}
	return e, nil
}

func checkHostPort(address string) error {
	const form = "write tcp://host:port, such as tcp://127.0.0.1:8002"
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("the port is missing or the host is not clear: %s, with an IPv6 address in [brackets]", form)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("the port must be a number from 0 to 65535, not %q: %s", port, form)
	}
	if strings.ContainsAny(host, "/?#%@ ") {
		return fmt.Errorf("the host %q holds a character that no host name has: %s", host, form)
	}
	return nil
}

// checkPath refuses what the event libraries would read otherwise than it is
// meant: both take an address apart as a URL.
func checkPath(path string) error {
	const form = "write unix:///path, such as unix:///run/ssed.sock"
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("the path must be absolute: %s", form)
	case strings.HasSuffix(path, "/"):
		return fmt.Errorf("the path names a folder: %s", form)
	case strings.ContainsAny(path, "?#%") || strings.Contains(path, "://") || strings.ContainsFunc(path, unicode.IsControl):
		return errors.New(`the path of a socket may not hold "?", "#", "%", "://" or control characters: choose a plainer one`)
	case len(path) > unixPathBytesMax:
		return fmt.Errorf("the path has %d bytes, and Linux allows %d for a socket: choose a shorter one", len(path), unixPathBytesMax)
	}
	return nil
}

// String returns the endpoint as a URL.
func (e Endpoint) String() string { return e.Network + "://" + e.Address }

// Loopback tells whether only this machine can reach it: true for a unix socket,
// and for TCP if the host is a loopback address or "localhost".
func (e Endpoint) Loopback() bool {
	if e.Network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(e.Address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// Check tells whether the endpoint can be listened on, and changes nothing. It
// stands between the user and the event libraries, which remove whatever a unix
// path names before they listen: a folder with all that is in it, or the socket
// of a daemon that is alive.
func (e Endpoint) Check() error {
	letGo, err := e.Hold()
	if err == nil {
		letGo()
	}
	return err
}

// Hold is Check, and keeps a TCP address for the caller until it lets go: whoever
// asks for it meanwhile, in whatever form, finds it in use.
func (e Endpoint) Hold() (letGo func(), err error) {
	if e.Network == "unix" {
		if err := checkSocket(e.Address); err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", e, err)
		}
		return func() {}, nil
	}
	listener, err := net.Listen(e.Network, e.Address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", e, plain(err))
	}
	return func() { listener.Close() }, nil
}

// checkSocket finds either nothing at path, in a folder that exists, or a socket
// that nobody listens on any more.
func checkSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return checkFolder(filepath.Dir(path))
	}
	if err != nil {
		return plain(err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return errors.New("it is a folder: name a socket inside it")
	case mode&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link: name the socket itself")
	case mode&fs.ModeSocket == 0:
		return errors.New("it is a file and not a socket: remove it or choose another path")
	}
	return checkStale(path)
}

func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s does not exist: create it first", folder)
	case err != nil:
		return plain(err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", folder)
	}
	return nil
}

// checkStale asks the socket itself. Only a refused connection proves that no
// one is there; a full backlog, a datagram socket or a lack of rights does not.
func checkStale(path string) error {
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return errors.New("another program is listening on it: stop that one or choose another path")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("the socket may be in use: %w", plain(err))
}

// plain digs the reason out of the layers that repeat the address.
func plain(err error) error {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns):
		return fmt.Errorf("host %q is not known", dns.Name)
	}
	return err
}
