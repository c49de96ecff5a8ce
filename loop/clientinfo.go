package loop

import (
	"net"
	"net/netip"
	"strings"

	"github.com/panjf2000/gnet/v2"
)

// agentBytesMax is how many bytes of a User-Agent are kept.
const agentBytesMax = 256

// clientInfo holds a client's User-Agent and the address that a trusted proxy forwarded. All
// clients with the same values share one clientInfo: ten thousand browsers have only a few dozen
// User-Agents.
type clientInfo struct {
	clientInfoKey
	refs int
}

// forwardedAddr returns the address that a trusted proxy forwarded. It is not valid without a
// proxy.
func (info *clientInfo) forwardedAddr() netip.Addr {
	if info == nil {
		return netip.Addr{}
	}
	return info.addr
}

// userAgent returns the User-Agent, or "" if the client sent none.
func (info *clientInfo) userAgent() string {
	if info == nil {
		return ""
	}
	return info.agent
}

type clientInfoKey struct {
	agent string
	addr  netip.Addr // not valid: the connection's own peer
}

type clientInfos map[clientInfoKey]*clientInfo

// intern returns the shared clientInfo for these values, and adds it if it is new. It returns nil,
// which takes no memory, if both values are empty. Call release when the client disconnects.
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

// release undoes one intern.
func (c clientInfos) release(info *clientInfo) {
	if info == nil {
		return
	}
	if info.refs--; info.refs == 0 {
		delete(c, info.clientInfoKey)
	}
}

// peerAddr returns the connection's remote address. It is not valid for a unix socket.
func peerAddr(conn gnet.Conn) netip.Addr {
	if addr, ok := conn.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		return addr.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// cloneAddr returns a copy of an address that may be kept: gnet reuses the memory of an IPv6 zone
// after the connection is closed.
func cloneAddr(addr net.Addr) net.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.Zone != "" {
		return &net.TCPAddr{IP: tcp.IP, Port: tcp.Port, Zone: strings.Clone(tcp.Zone)}
	}
	return addr
}

// address returns the client's address: the address from a trusted proxy, or the peer's.
func (c *pendingConn) address() netip.Addr { return addressOf(c.conn, c.forwardedAddr) }

// address returns the client's address: the address from a trusted proxy, or the peer's.
func (s *subscriber) address() netip.Addr { return addressOf(s.conn, s.info.forwardedAddr()) }

func addressOf(conn gnet.Conn, forwarded netip.Addr) netip.Addr {
	if forwarded.IsValid() {
		return forwarded
	}
	return peerAddr(conn)
}

// nameOf returns the client's address for the log: the address from a trusted proxy, or the peer's
// with its port, or "unix".
func nameOf(conn gnet.Conn, forwarded netip.Addr) string {
	switch {
	case forwarded.IsValid():
		return forwarded.String()
	case peerAddr(conn).IsValid():
		return conn.RemoteAddr().String()
	}
	return "unix"
}
