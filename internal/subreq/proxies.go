package subreq

import (
	"fmt"
	"net/netip"
)

// Proxies is the set of trusted proxies. Their X-Forwarded-For fields and PROXY headers determine
// the client's address. It does not change after ParseProxies. The zero value trusts no proxy.
type Proxies struct {
	prefixes []netip.Prefix
	unix     bool // every client of a unix socket is trusted
}

// ParseProxies parses networks (CIDR), single addresses, and "unix", which trusts every client of a
// unix socket.
func ParseProxies(proxies []string) (Proxies, error) {
	var t Proxies
	for _, p := range proxies {
		if p == "unix" {
			t.unix = true
			continue
		}
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			addr, errAddr := netip.ParseAddr(p)
			if errAddr != nil {
				return Proxies{}, fmt.Errorf(`invalid trusted proxy %q: expected a network such as "10.0.0.0/8", an address, or "unix"`, p)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		t.prefixes = append(t.prefixes, prefix.Masked())
	}
	return t, nil
}

// Covers reports whether addr is the address of a trusted proxy. An invalid address means a client
// of a unix socket.
func (t *Proxies) Covers(addr netip.Addr) bool {
	if !addr.IsValid() {
		return t.unix
	}
	for _, p := range t.prefixes {
		if p.Contains(addr.WithZone("")) {
			return true
		}
	}
	return false
}

// Empty reports whether no proxy is trusted.
func (t *Proxies) Empty() bool { return len(t.prefixes) == 0 && !t.unix }
