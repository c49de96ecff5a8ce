package loop

import (
	"context"
	"fmt"
	"net"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/internal/listen"
)

// A role says what the connections of a listener are.
type role uint8

const (
	roleUnknown role = iota
	roleSubscriber
	rolePublisher
)

// roles finds the role of a connection by its local address, which gnet takes from the
// listener. Every accept asks, so an address is compared as text once and by identity from
// then on.
type roles struct {
	byText map[string]role // "tcp 127.0.0.1:8001"
	byAddr map[net.Addr]role
}

func newRoles() roles {
	return roles{byText: map[string]role{}, byAddr: map[net.Addr]role{}}
}

// add sets the role of a listener.
func (r *roles) add(addr net.Addr, as role) { r.byText[addr.Network()+" "+addr.String()] = as }

func (r *roles) of(conn gnet.Conn) role {
	addr := conn.LocalAddr()
	found, ok := r.byAddr[addr]
	if !ok {
		found = r.byText[addr.Network()+" "+addr.String()]
		r.byAddr[addr] = found
	}
	return found
}

// ofListener returns the role of the listener at addr.
func (r *roles) ofListener(network, addr string) role { return r.byText[network+" "+addr] }

// listenAll claims every address. TCP addresses go to s.tcp, for gnet; on unix sockets it
// listens at once. claims is never nil; release it once gnet listens.
func (s *Server) listenAll() (claims *listen.Claims, err error) {
	claims = &listen.Claims{}
	defer claims.Unbind()
	listenEach := func(endpoints []listen.Endpoint, as role) (addrs []net.Addr, err error) {
		for _, e := range endpoints {
			e, addr, err := claims.Take(e)
			if err != nil {
				return nil, err
			}
			s.loop.listeners.add(addr, as)
			addrs = append(addrs, addr)
			if e.Network != "unix" {
				s.tcp = append(s.tcp, e)
				continue
			}
			if err := s.unix.Open(e, s.loop.opts.SendBufferBytes); err != nil {
				return nil, fmt.Errorf("cannot listen on %s: %w", e, err)
			}
		}
		return addrs, nil
	}
	if s.listenAddrs, err = listenEach(s.listen, roleSubscriber); err == nil {
		s.publishAddrs, err = listenEach(s.publish, rolePublisher)
	}
	return claims, err
}

// acceptUnix begins to accept on the unix sockets, and gives the connections to gnet. gnet
// could listen on unix sockets itself, but it removes whatever is at the path, and with one
// unix socket among its listeners it accepts on another goroutine, without any bound, until
// descriptors run out and the engine ends.
func (s *Server) acceptUnix(engine gnet.EventLoop) {
	s.unix.Start(func(conn *net.UnixConn) bool { return s.enroll(engine, conn) }, s.loop.log)
}

// enroll gives the loop a connection, and returns once the loop has taken it. It returns
// false if the engine is ending.
func (s *Server) enroll(engine gnet.EventLoop, conn *net.UnixConn) bool {
	addr := conn.LocalAddr()
	as := s.loop.listeners.ofListener(addr.Network(), addr.String())
	taken, err := engine.Enroll(gnet.NewContext(context.Background(), as), conn)
	if err != nil {
		return false
	}
	select {
	case <-taken:
		return true
	case <-s.done: // the engine died, and may never take it
		return false
	}
}
