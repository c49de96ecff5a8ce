package hub

import (
	"fmt"
	"net"

	"github.com/ssed/ssed/internal/listen"
	"github.com/ssed/ssed/loop"
)

// listen claims every address. It returns the TCP ones, on which the loop listens; on
// unix sockets the Hub listens at once. claims is never nil; release it once the loop
// listens.
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

// enroll gives the loop a connection of a unix socket. It returns false if the loop is
// ending.
func (h *Hub) enroll(conn *net.UnixConn) bool {
	return h.loop.Enroll(conn, h.unixRoles[conn.LocalAddr().String()])
}

// ListenAddrs returns where subscribers connect, with the port that was chosen for port
// 0. It is known once the Hub is Ready.
func (h *Hub) ListenAddrs() []net.Addr { return h.listenAddrs }

// PublishAddrs returns where publishers connect, likewise.
func (h *Hub) PublishAddrs() []net.Addr { return h.publishAddrs }
