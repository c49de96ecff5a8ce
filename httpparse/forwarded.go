package httpparse

import (
	"bytes"
	"net/netip"
	"strings"
)

// A source is a field in which proxies report the client's address.
type source struct {
	field   string
	addr    func(element []byte) (netip.Addr, bool)
	cutLast func(list []byte, separator byte) (rest, last []byte, ok bool)
}

// sources are the fields in the order of precedence.
var sources = []source{
	{"X-Forwarded-For", parseAddr, cutLast},
	{"Forwarded", forwardedFor, cutLastUnquoted}, // RFC 7239
	{"X-Real-IP", parseAddr, cutLast},
}

// ClientAddr returns the address of the client that sent a request. Behind proxies, this is not the
// peer's address. Each proxy appends the address of its own peer to a list, so the list is read
// from its end, and the first address that does not belong to a trusted proxy is the client's.
// Addresses before it were written by an untrusted client and are ignored.
//
// If the peer is not trusted, ClientAddr returns the peer's address. Otherwise it uses the first of
// these fields that the request has: X-Forwarded-For, Forwarded, X-Real-IP. A proxy must set, or
// append to, the first of these fields that its clients could send. An entry that is not an address
// ends the search; the last valid address is the result.
//
// Unlike the parser, ClientAddr allocates a string for each address.
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

// lastUntrusted reads a comma-separated list from its end. A field that occurs several times is one
// list (RFC 9110 section 5.3).
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

// cutLast splits a list at its last separator. rest is nil if there is no separator.
func cutLast(list []byte, separator byte) (rest, last []byte, ok bool) {
	if at := bytes.LastIndexByte(list, separator); at >= 0 {
		return list[:at], list[at+1:], true
	}
	return nil, list, true
}

// cutLastUnquoted splits a list at its last separator outside quoted strings (RFC 9110 section
// 5.6.4). rest is nil if there is no separator. ok is false if a quoted string does not end. A
// proxy may have quoted text of a client, so an apparent element may be a part of that text.
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

// forwardedFor parses the "for" parameter of one element of a Forwarded field, such as
// for="[2001:db8::17]:4711";proto=https. RFC 7239 section 4 allows each parameter only once. If it
// occurs several times, the last one counts.
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

// parseAddr parses an address with or without a port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1,
// [2001:db8::1], [2001:db8::1]:80. It refuses an address with a zone, because a zone is arbitrary
// text and is only meaningful on the proxy's machine.
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
