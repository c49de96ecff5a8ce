package httpparse

import (
	"bytes"
	"net/netip"
	"strings"
)

// A source is a field by which proxies tell a client's address.
type source struct {
	field   string
	addr    func(element []byte) (netip.Addr, bool)
	cutLast func(list []byte, separator byte) (rest, last []byte, ok bool)
}

// sources in the order in which they are looked for.
var sources = []source{
	{"X-Forwarded-For", parseAddr, cutLast},
	{"Forwarded", forwardedFor, cutLastUnquoted}, // RFC 7239
	{"X-Real-IP", parseAddr, cutLast},
}

// ClientAddr returns the address of the client that a request comes from. Behind
// proxies that is not the peer's: each proxy appends the address that it was
// called from, so the list is read from its end, and the first address that is
// not itself a trusted proxy's is the client's. What stands before that one was
// written by somebody who is not trusted and means nothing.
//
// If the peer is not trusted, nothing that it says is believed. Otherwise the
// first of these fields that is there counts: X-Forwarded-For, Forwarded,
// X-Real-IP. A proxy must set or append to the first of them that its clients
// could send. An entry that is no address ends the search: the last good one
// counts.
//
// Unlike the parser it allocates, one text for each address.
func ClientAddr(req *Request, peer netip.Addr, trusted func(netip.Addr) bool) netip.Addr {
	if trusted(peer) {
		for _, s := range sources {
			if req.Get(s.field) != nil {
				return s.lastUntrusted(req, peer, trusted)
			}
		}
	}
	return peer
}

// lastUntrusted walks a comma-separated list from its end. A field that comes
// several times is one list (RFC 9110 section 5.3).
func (s source) lastUntrusted(req *Request, peer netip.Addr, trusted func(netip.Addr) bool) netip.Addr {
	client := peer
	for i := len(req.Fields) - 1; i >= 0; i-- {
		if !req.Fields[i].Is(s.field) {
			continue
		}
		for list := req.Fields[i].Value; list != nil; {
			var last []byte
			var ok bool
			if list, last, ok = s.cutLast(list, ','); !ok {
				return client
			}
			addr, ok := s.addr(bytes.Trim(last, " \t"))
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

// cutLast splits a list at its last separator; rest is nil if there is none.
func cutLast(list []byte, separator byte) (rest, last []byte, ok bool) {
	if at := bytes.LastIndexByte(list, separator); at >= 0 {
		return list[:at], list[at+1:], true
	}
	return nil, list, true
}

// cutLastUnquoted splits a list at its last separator outside quoted strings (RFC
// 9110 section 5.6.4). rest is nil if there is none. A quoted string that never ends
// is not ok: a proxy may have quoted what a client wrote, and what looks like an
// element may be a part of that.
func cutLastUnquoted(list []byte, separator byte) (rest, last []byte, ok bool) {
	at, quoted := -1, false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			at = i
		}
	}
	if at < 0 {
		return nil, list, !quoted
	}
	return list[:at], list[at+1:], !quoted
}

// forwardedFor reads the "for" parameter of one element of a Forwarded field,
// such as for="[2001:db8::17]:4711";proto=https. RFC 7239 section 4 has each
// parameter once; where there are several, the last is as good as any.
func forwardedFor(element []byte) (netip.Addr, bool) {
	for element != nil {
		var pair []byte
		var ok bool
		if element, pair, ok = cutLastUnquoted(element, ';'); !ok {
			break
		}
		name, value, _ := bytes.Cut(bytes.Trim(pair, " \t"), []byte("="))
		if bytes.EqualFold(name, []byte("for")) {
			return parseAddr(bytes.Trim(value, `"`))
		}
	}
	return netip.Addr{}, false
}

// parseAddr reads an address with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. One with a zone is refused: it
// means something on the proxy's machine only, and a zone is free text.
func parseAddr(text []byte) (netip.Addr, bool) {
	const addrBytesMax = len("[0000:0000:0000:0000:0000:0000:255.255.255.255]:65535")
	if len(text) > addrBytesMax {
		return netip.Addr{}, false
	}
	s := string(text)
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		both, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = both.Addr()
	}
	return addr.Unmap(), addr.Zone() == ""
}
