package hub

import (
	"fmt"
	"net"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/loop"
)

// listen claims all addresses, and opens the unix sockets. It returns the TCP addresses, on which
// the loop will listen. claims is never nil. The caller must release it once the loop listens.
func (h *Hub) listen() (claims *listen.Claims, tcp []loop.Listener, err error) {
	claims = &listen.Claims{}
	defer claims.Unbind()
	listenEach := func(endpoints []listen.Endpoint, as loop.Role) (addrs []net.Addr, err error) {
		for _, e := range endpoints {
			e, addr, err := claims.Take(e)
			if err != nil {
				return nil, err
			}
			addrs = append(addrs, addr)
			if e.Network != "unix" {
				tcp = append(tcp, loop.Listener{Endpoint: e, Addr: addr, Role: as})
				continue
			}
			h.unixRoles[addr.String()] = as
			if err := h.unix.Open(e, h.config.Loop.SendBufferBytes); err != nil {
				return nil, fmt.Errorf("cannot listen on %s: %w", e, err)
			}
		}
		return addrs, nil
	}
	if h.listenAddrs, err = listenEach(h.config.Listen, loop.RoleSubscriber); err == nil {
		h.publishAddrs, err = listenEach(h.config.Publish, loop.RolePublisher)
	}
	return claims, tcp, err
}

// enroll passes a connection of a unix socket to a loop, to each loop in turn. It returns false if
// the loop is ending.
func (h *Hub) enroll(conn *net.UnixConn) bool {
	l := h.loops[int(h.unixTurn.Add(1))%len(h.loops)]
	return l.Enroll(conn, h.unixRoles[conn.LocalAddr().String()])
}

// ListenAddrs returns the addresses for subscribers. Port 0 is replaced by the port that was
// chosen. Call it after the Hub is ready.
func (h *Hub) ListenAddrs() []net.Addr { return h.listenAddrs }

// PublishAddrs returns the addresses for publishers. Port 0 is replaced by the port that was
// chosen. Call it after the Hub is ready.
func (h *Hub) PublishAddrs() []net.Addr { return h.publishAddrs }
