package httpparse

import (
	"bytes"
	"net/netip"
)

// ClientAddr returns the address of the client that a request comes from. Behind
// proxies that is not the peer's: each proxy appends the address that it was
// called from, so the list is read from its end, and the first address that is
// not itself a trusted proxy's is the client's. What stands before that one was
// written by somebody who is not trusted and means nothing.
//
// If the peer is not trusted, nothing that it says is believed. Otherwise the
// first of these fields that is there counts: X-Forwarded-For, Forwarded (RFC
// 7239), X-Real-IP. A proxy must set or append to the first of them that its
// clients could send. An entry that is no address ends the search: the last
// good one counts.
func ClientAddr(req *Request, peer netip.Addr, trusted func(netip.Addr) bool) netip.Addr {
	if !trusted(peer) {
		return peer
	}
	for _, source := range []struct {
		field string
		addr  func([]byte) (netip.Addr, bool)
	}{
		{"X-Forwarded-For", parseAddr},
		{"Forwarded", forwardedFor},
		{"X-Real-IP", parseAddr},
	} {
		if req.Get(source.field) != nil {
			return lastUntrusted(req, source.field, source.addr, peer, trusted)
		}
	}
	return peer
}

// lastUntrusted walks a comma-separated list from its end. A field that comes
// several times is one list (RFC 9110 section 5.3).
func lastUntrusted(req *Request, field string, parse func([]byte) (netip.Addr, bool), peer netip.Addr, trusted func(netip.Addr) bool) netip.Addr {
	client := peer
	for i := len(req.Fields) - 1; i >= 0; i-- {
		if !req.Fields[i].Is(field) {
			continue
		}
		for list := req.Fields[i].Value; list != nil; {
			var last []byte
			if comma := bytes.LastIndexByte(list, ','); comma >= 0 {
				list, last = list[:comma], list[comma+1:]
			} else {
				list, last = nil, list
			}
			addr, ok := parse(bytes.Trim(last, " \t"))
			if !ok {
				return client
			}
			if client = addr; !trusted(addr) {
				return client
			}
		}
	}
	return client
}

// forwardedFor reads the "for" parameter of one element of a Forwarded field,
// such as for="[2001:db8::17]:4711";proto=https. A comma cannot occur inside an
// address, so splitting the list at commas is safe for what is looked for here.
func forwardedFor(element []byte) (netip.Addr, bool) {
	for len(element) > 0 {
		var pair []byte
		pair, element, _ = bytes.Cut(element, []byte(";"))
		name, value, _ := bytes.Cut(bytes.Trim(pair, " \t"), []byte("="))
		if bytes.EqualFold(name, []byte("for")) {
			return parseAddr(bytes.Trim(value, `"`))
		}
	}
	return netip.Addr{}, false
}

// parseAddr reads an address with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1], [2001:db8::1]:80.
func parseAddr(text []byte) (netip.Addr, bool) {
	const addrBytesMax = len("[0000:0000:0000:0000:0000:0000:255.255.255.255%zone-identifier]:65535")
	if len(text) > addrBytesMax {
		return netip.Addr{}, false
	}
	s := string(text)
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap(), true
	}
	if both, err := netip.ParseAddrPort(s); err == nil {
		return both.Addr().Unmap(), true
	}
	if n := len(s); n > 2 && s[0] == '[' && s[n-1] == ']' {
		addr, err := netip.ParseAddr(s[1 : n-1])
		return addr, err == nil
	}
	return netip.Addr{}, false
}
