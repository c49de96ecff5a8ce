package load

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// perSource is how many connections share one source address. An address has about 28,000 ports to
// one server. With far fewer connections, the kernel finds a free port quickly.
const perSource = 500

// loopback parses an address and rejects every address that is not loopback. A load generator must
// not be able to reach other machines.
func loopback(address string) (*unix.SockaddrInet4, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("invalid address %q: expected an IPv4 loopback address and a port, like 127.0.0.1:8001", address)
	}
	if ip := at.Addr(); !ip.Is4() || !ip.IsLoopback() {
		return nil, fmt.Errorf("invalid address %q: the generator only connects to IPv4 loopback", address)
	}
	return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, nil
}

// source returns the address that subscriber n connects from: 127.0.0.1, 127.0.0.2 ... 127.0.1.1
// ...
func source(n int) *unix.SockaddrInet4 {
	host := n / perSource
	return &unix.SockaddrInet4{Addr: [4]byte{127, 0, byte(host / 250), byte(1 + host%250)}}
}

// lazyBuffer is the size of the receive buffer of a subscriber that reads slowly or not at all. By
// default, megabytes collect there before the server notices anything.
const lazyBuffer = 8 << 10

// dial starts to connect to a loopback address and returns immediately. from is the source address,
// or nil. buffer is the size of the receive buffer in bytes, or 0 for the kernel's default. Writes
// fail with EAGAIN until the connection is established.
func dial(to, from *unix.SockaddrInet4, buffer int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if from != nil {
		// The kernel chooses the port at connect, when it knows both addresses. Otherwise one
		// source address has only 28,000 ports for all servers together.
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err == nil {
			err = unix.Bind(fd, from)
		}
	}
	if err == nil && buffer > 0 {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		if err = unix.Connect(fd, to); err == unix.EINPROGRESS {
			err = nil
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// hangUp closes a connection with a reset, because 20,000 sockets in TIME_WAIT after each run would
// disturb the next.
func hangUp(fd int) {
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(fd)
}
