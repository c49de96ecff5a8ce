package loop

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/publish"
)

// A role is what the connections of one listener are.
type role uint8

const (
	roleUnknown role = iota
	roleSubscriber
	rolePublisher
)

// roles tells by a connection's local address, which gnet takes from the
// listener, what the connection is. Addresses are compared as text once, and
// from then on by identity, since this is asked for every accept.
type roles struct {
	byText map[string]role // "tcp 127.0.0.1:8001"
	byAddr map[net.Addr]role
}

func newRoles() roles {
	return roles{byText: map[string]role{}, byAddr: map[net.Addr]role{}}
}

// add notes a listener's role.
func (r *roles) add(addr net.Addr, as role) { r.byText[addr.Network()+" "+addr.String()] = as }

func (r *roles) of(conn gnet.Conn) role {
	addr := conn.LocalAddr()
	found, ok := r.byAddr[addr]
	if !ok {
		found = r.byText[addr.Network()+" "+addr.String()]
		r.byAddr[addr] = found
	}
	return found
}

// ofListener is the role of the connections that the listener at addr has.
func (r *roles) ofListener(network, addr string) role { return r.byText[network+" "+addr] }

// listenEndpoint reads an address of Options.Listen.
func listenEndpoint(address string) (publish.Endpoint, error) {
	if strings.Contains(address, "://") {
		return publish.ParseEndpoint(address)
	}
	e, err := publish.ParseEndpoint("tcp://" + address)
	if err != nil { // whose words are for publishers' addresses
		return e, errors.New("expected host:port or :port, such as 127.0.0.1:8001 or [::1]:8001, or unix:///path")
	}
	return e, nil
}

// settle finds the address of an endpoint. gnet reports a TCP port of 0 as 0, so a
// free one is reserved here; release lets go of it, once gnet listens.
func settle(e publish.Endpoint) (settled publish.Endpoint, addr net.Addr, release func(), err error) {
	if e.Network == "unix" {
		return e, &net.UnixAddr{Name: e.Address, Net: "unix"}, func() {}, nil
	}
	tcp, err := net.ResolveTCPAddr("tcp", e.Address)
	if err != nil {
		return e, nil, nil, fmt.Errorf("cannot listen on %s: %w", e, err)
	}
	release = func() {}
	if tcp.Port == 0 {
		if tcp.Port, release, err = reservePort(tcp.IP); err != nil {
			return e, nil, nil, fmt.Errorf("cannot listen on %s: %w", e, err)
		}
	}
	e.Address = tcp.String()
	return e, tcp, release, nil
}

// reservePort has the kernel choose a port, and keeps a socket bound to it that
// does not listen. With SO_REUSEADDR on both, gnet can bind to it, too, and
// nobody is given it by chance meanwhile.
func reservePort(ip net.IP) (port int, release func(), err error) {
	family, address := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{}) // all addresses, of both families
	if ip4 := ip.To4(); ip4 != nil {
		family, address = unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte(ip4)}
	} else if ip != nil {
		address = &unix.SockaddrInet6{Addr: [16]byte(ip)}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	release = func() { unix.Close(fd) }
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err == nil {
		err = unix.Bind(fd, address)
	}
	var bound unix.Sockaddr
	if err == nil {
		bound, err = unix.Getsockname(fd)
	}
	switch a := bound.(type) {
	case *unix.SockaddrInet4:
		return a.Port, release, nil
	case *unix.SockaddrInet6:
		return a.Port, release, nil
	}
	release()
	return 0, nil, err
}
