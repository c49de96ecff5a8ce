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
type clientInfo struct {
	clientInfoKey
	refs int
}

// told is the address that a trusted proxy has told; it is not valid if none has.
func (info *clientInfo) forwardedAddr() netip.Addr {
	if info == nil {
		return netip.Addr{}
	}
	return info.addr
}

// agentName is empty for a client that gave none.
func (info *clientInfo) userAgent() string {
	if info == nil {
		return ""
	}
	return info.agent
}

type clientInfoKey struct {
	agent string
	addr  netip.Addr // zero: the connection's own peer
}

type clientInfos map[clientInfoKey]*clientInfo

// intern finds or adds an identity. One that says nothing is nil and needs no
// memory.
func (c clientInfos) intern(agent []byte, addr netip.Addr) *clientInfo {
	if len(agent) == 0 && !addr.IsValid() {
		return nil
	}
	agent = agent[:min(len(agent), agentBytesMax)]
	found, ok := c[clientInfoKey{string(agent), addr}]
	if !ok {
		found = &clientInfo{clientInfoKey: clientInfoKey{string(agent), addr}}
		c[found.clientInfoKey] = found
	}
	found.refs++
	return found
}

func (c clientInfos) release(info *clientInfo) {
	if info == nil {
		return
	}
	if info.refs--; info.refs == 0 {
		delete(c, info.clientInfoKey)
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
func cloneAddr(addr net.Addr) net.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.Zone != "" {
		return &net.TCPAddr{IP: tcp.IP, Port: tcp.Port, Zone: strings.Clone(tcp.Zone)}
	}
	return addr
}

// address is where a visitor's request comes from: what a trusted proxy has told,
// or the connection's peer.
func (c *pendingConn) address() netip.Addr { return addressOf(c.conn, c.forwardedAddr) }

// address is the same of a subscriber.
func (s *subscriber) address() netip.Addr { return addressOf(s.conn, s.info.forwardedAddr()) }

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

func (t *trust) empty() bool { return len(t.prefixes) == 0 && !t.unix }
