package loop

import (
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
// listener, what the connection is. Addresses are compared as strings once, and
// from then on by identity, since this is asked for every accept.
type roles struct {
	byURL  map[string]role // "tcp 127.0.0.1:8001"
	byAddr map[net.Addr]role
}

func (r *roles) of(conn gnet.Conn) role {
	addr := conn.LocalAddr()
	found, ok := r.byAddr[addr]
	if !ok {
		found = r.byURL[addr.Network()+" "+addr.String()]
		r.byAddr[addr] = found
	}
	return found
}

// listenEndpoint reads an address of Options.Listen.
func listenEndpoint(address string) (publish.Endpoint, error) {
	if !strings.Contains(address, "://") {
		address = "tcp://" + address
	}
	return publish.ParseEndpoint(address)
}

// settle makes sure, before gnet gets it, that an endpoint can be listened on.
// gnet would remove whatever stands at a unix path, a folder or a live daemon's
// socket included, and it reports a TCP port of 0 as 0: so the kernel is asked
// for a free one here.
func settle(e publish.Endpoint) (publish.Endpoint, net.Addr, error) {
	if err := e.Check(); err != nil {
		return e, nil, err
	}
	if e.Network == "unix" {
		return e, &net.UnixAddr{Name: e.Address, Net: "unix"}, nil
	}
	addr, err := net.ResolveTCPAddr("tcp", e.Address)
	if err != nil {
		return e, nil, fmt.Errorf("cannot listen on %s: %w", e, err)
	}
	if addr.Port == 0 {
		listener, err := net.ListenTCP("tcp", addr)
		if err != nil {
			return e, nil, fmt.Errorf("cannot listen on %s: %w", e, err)
		}
		addr.Port = listener.Addr().(*net.TCPAddr).Port
		listener.Close()
	}
	e.Address = addr.String()
	return e, addr, nil
}

// socketMode is the mode of a unix socket: its owner and group may connect.
const socketMode = 0o660

// umaskFor makes unix sockets come into being with socketMode, so that there is
// no moment at which others may connect. The umask belongs to the process, so
// it is put back as soon as the sockets are there.
func umaskFor(endpoints []publish.Endpoint) (restore func()) {
	for _, e := range endpoints {
		if e.Network == "unix" {
			old := unix.Umask(^socketMode & 0o777)
			return func() { unix.Umask(old) }
		}
	}
	return func() {}
}
