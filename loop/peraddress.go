package loop

import "net/netip"

// perAddress counts the subscribers of each client address, if there is a limit.
type perAddress struct {
	max    int // 0: no limit, and nothing is counted
	counts map[netip.Prefix]int
}

func newPerAddress(max int) perAddress { return perAddress{max: max, counts: map[netip.Prefix]int{}} }

// ipv6ClientBits is the prefix length of the network that one IPv6 client usually has (RFC 6177
// section 2). A client can use any number of addresses within it.
const ipv6ClientBits = 64

// networkOf returns the network under which an address is counted.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6ClientBits
	}
	p, _ := addr.WithZone("").Prefix(bits) // it cannot fail with these bits
	return p
}

// full reports whether addr has reached the limit. Clients of a unix socket have no address and no
// limit.
func (p *perAddress) full(addr netip.Addr) bool {
	return p.max > 0 && addr.IsValid() && p.counts[networkOf(addr)] >= p.max
}

func (p *perAddress) add(addr netip.Addr) {
	if p.max > 0 && addr.IsValid() {
		p.counts[networkOf(addr)]++
	}
}

func (p *perAddress) remove(addr netip.Addr) {
	if p.max == 0 || !addr.IsValid() {
		return
	}
	network := networkOf(addr)
	if p.counts[network]--; p.counts[network] == 0 {
		delete(p.counts, network)
	}
}
