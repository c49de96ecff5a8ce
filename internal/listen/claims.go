package listen

import (
	"fmt"
	"net"
	"sync"
)

// Claims reserves the addresses of a server that is starting, until its event library
// listens on them. An event library that sets SO_REUSEPORT would otherwise share a port
// with another server, or listen twice on one address. The zero value is ready for use.
//
// Call Take for every address, Unbind once all are taken, and Release once the event
// library listens.
type Claims struct {
	locks    startLock
	held     []func() // close the sockets that occupy the addresses
	reserved []func() // close the sockets that are only bound
	released sync.Once
}

// Take reserves an address. It returns the endpoint with its real port if the port was 0,
// and the same as a net.Addr. The error says that the address is in use, cannot be used,
// or was taken before in any form, such as 0.0.0.0 after 127.0.0.1.
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
	letGo, err := e.hold()
	if err != nil {
		return e, nil, err
	}
	c.held = append(c.held, letGo)
	return e, addr, nil
}

// Unbind lets the event library listen on the addresses. Other servers that use Claims
// still wait for Release, and a port that was 0 is still reserved.
func (c *Claims) Unbind() {
	for _, letGo := range c.held {
		letGo()
	}
	c.held = nil
}

// Release gives up all claims, and ends their use. More calls do nothing.
func (c *Claims) Release() {
	c.released.Do(func() {
		c.Unbind()
		for _, release := range c.reserved {
			release()
		}
		c.locks.release()
	})
}
