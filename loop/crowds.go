package loop

import "net/netip"

// crowds counts the subscribers of each client address, where that is limited.
type crowds struct {
	max  int // 0: no limit, and nothing is counted
	from map[netip.Prefix]int
}

func newCrowds(max int) crowds { return crowds{max: max, from: map[netip.Prefix]int{}} }

// ipv6ClientBits is the network that one IPv6 client has for itself (RFC 6177
// section 2): within it, it may take as many addresses as it likes.
const ipv6ClientBits = 64

// crowdOf is what an address is counted as.
func crowdOf(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6ClientBits
	}
	p, _ := addr.WithZone("").Prefix(bits) // it cannot fail with these bits
	return p
}

// full tells whether addr has as many subscribers as it may. Clients of a unix
// socket have no address and no limit.
func (c *crowds) full(addr netip.Addr) bool {
	return c.max > 0 && addr.IsValid() && c.from[crowdOf(addr)] >= c.max
}

func (c *crowds) add(addr netip.Addr) {
	if c.max > 0 && addr.IsValid() {
		c.from[crowdOf(addr)]++
	}
}

func (c *crowds) remove(addr netip.Addr) {
	if c.max == 0 || !addr.IsValid() {
		return
	}
	crowd := crowdOf(addr)
	if c.from[crowd]--; c.from[crowd] == 0 {
		delete(c.from, crowd)
	}
}
