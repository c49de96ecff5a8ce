package listen

import (
	"fmt"
	"net"
	"sync"
)

// Claims reserves the addresses of a server until its event library listens on them. Without it, an
// event library that sets SO_REUSEPORT would share a port with another server, or listen twice on
// one address. The zero value is ready to use.
//
//	Take (each address) ─► Unbind ─► the event library listens ─► Release
//
// Call Take for every address, Unbind after all of them, and Release once the event library
// listens.
type Claims struct {
	locks    startLock
	held     []func() // functions that close the sockets that listen on the addresses
	reserved []func() // functions that close the sockets that are only bound
	released sync.Once
}

// Take reserves an address. It returns the endpoint, with the port that was chosen if the port was
// 0, and the same address as a net.Addr. It fails if the address is in use, cannot be used on this
// machine, or was taken before in any notation, such as 0.0.0.0 after 127.0.0.1.
func (c *Claims) Take(e Endpoint) (resolved Endpoint, addr net.Addr, err error) {
	if _, port, err := net.SplitHostPort(e.Address); err == nil && e.Network != "unix" {
		if c.locks == nil {
			c.locks = startLock{}
		}
		if err := c.locks.take(port); err != nil {
			return e, nil, fmt.Errorf("cannot listen on %s: %w", e, err)
		}
	}
	e, addr, release, err := resolve(e)
	if err != nil {
		return e, nil, err
	}
	c.reserved = append(c.reserved, release)
	unhold, err := e.hold()
	if err != nil {
		return e, nil, err
	}
	c.held = append(c.held, unhold)
	return e, addr, nil
}

// Unbind closes the listening sockets, so that the event library can listen on the addresses. Other
// servers that use Claims still wait for Release, and a port that was 0 is still reserved.
func (c *Claims) Unbind() {
	for _, unhold := range c.held {
		unhold()
	}
	c.held = nil
}

// Release ends all reservations. The Claims cannot be used afterwards. Further calls do nothing.
func (c *Claims) Release() {
	c.released.Do(func() {
		c.Unbind()
		for _, release := range c.reserved {
			release()
		}
		c.locks.release()
	})
}
