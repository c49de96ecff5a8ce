package listen

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// resolve determines the address of an endpoint. Event libraries report a TCP port of 0 as 0, so
// resolve reserves a free port instead. release ends the reservation; call it once the event
// library listens.
func resolve(e Endpoint) (resolved Endpoint, addr net.Addr, release func(), err error) {
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

// reservePort lets the kernel choose a port, and keeps a socket bound to it that does not listen.
// The event library can bind to the port as well, because both set SO_REUSEADDR. Until release is
// called, the kernel does not choose this port for another socket.
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
