package loop

import (
	"net"
	"net/netip"
	"strings"

	"github.com/panjf2000/gnet/v2"
)

// agentBytesMax is how much of a User-Agent is kept.
const agentBytesMax = 256

// An identity is what a subscriber said of itself, or a trusted proxy of it. It
// is held once for all that say the same: ten thousand browsers have a few dozen
// names between them.
type identity struct {
	identityKey
	refs int
}

// told is the address that a trusted proxy has told; it is not valid if none has.
func (who *identity) told() netip.Addr {
	if who == nil {
		return netip.Addr{}
	}
	return who.addr
}

// agentName is empty for a client that gave none.
func (who *identity) agentName() string {
	if who == nil {
		return ""
	}
	return who.agent
}

type identityKey struct {
	agent string
	addr  netip.Addr // zero: the connection's own peer
}

type identities map[identityKey]*identity

// intern finds or adds an identity. One that says nothing is nil and needs no
// memory.
func (x identities) intern(agent []byte, addr netip.Addr) *identity {
	if len(agent) == 0 && !addr.IsValid() {
		return nil
	}
	agent = agent[:min(len(agent), agentBytesMax)]
	found, ok := x[identityKey{string(agent), addr}]
	if !ok {
		found = &identity{identityKey: identityKey{string(agent), addr}}
		x[found.identityKey] = found
	}
	found.refs++
	return found
}

func (x identities) release(who *identity) {
	if who == nil {
		return
	}
	if who.refs--; who.refs == 0 {
		delete(x, who.identityKey)
	}
}

// peerAddr returns the address at the connection's other end; it is not valid
// for a unix socket.
func peerAddr(conn gnet.Conn) netip.Addr {
	if addr, ok := conn.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		return addr.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// lasting is an address that may be kept: gnet gives the text of an IPv6 zone to
// somebody else once the connection is closed.
func lasting(addr net.Addr) net.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.Zone != "" {
		return &net.TCPAddr{IP: tcp.IP, Port: tcp.Port, Zone: strings.Clone(tcp.Zone)}
	}
	return addr
}

// address is where a visitor's request comes from: what a trusted proxy has told,
// or the connection's peer.
func (v *visitor) address() netip.Addr { return addressOf(v.conn, v.from) }

// address is the same of a subscriber.
func (s *subscriber) address() netip.Addr { return addressOf(s.conn, s.who.told()) }

func addressOf(conn gnet.Conn, told netip.Addr) netip.Addr {
	if told.IsValid() {
		return told
	}
	return peerAddr(conn)
}

// nameOf names a client for the log: by the address that a trusted proxy has
// told, if one has, or by the connection's peer.
func nameOf(conn gnet.Conn, told netip.Addr) string {
	switch {
	case told.IsValid():
		return told.String()
	case peerAddr(conn).IsValid():
		return conn.RemoteAddr().String()
	}
	return "unix"
}

// A trust is who may tell us a client's address: proxies.
type trust struct {
	prefixes []netip.Prefix
	unix     bool // whoever connects to a unix socket
}

// covers tells whether addr is a trusted proxy's; an address that is not valid
// is that of a unix socket.
func (t *trust) covers(addr netip.Addr) bool {
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

func (t *trust) nobody() bool { return len(t.prefixes) == 0 && !t.unix }
