package loop

import (
	"context"
	"net"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/internal/listen"
)

// A Role says what the connections of a listener are.
type Role uint8

const (
	roleUnknown    Role = iota
	RoleSubscriber      // they send a request, and get a stream
	RolePublisher       // they speak the line protocol
)

// A Listener is a TCP address that a loop listens on.
type Listener struct {
	Endpoint listen.Endpoint
	Addr     net.Addr // the same, as its connections have it
	Role     Role
}

// Listeners say where a loop accepts connections. Its functions are called on goroutines
// of the loop's engine, unless they say otherwise.
type Listeners struct {
	TCP []Listener
	// Listening is called once the loop listens on all of TCP.
	Listening func()
	// Accept is called once connections can be given to Enroll. It must not wait.
	Accept func()
	// Close is called on a goroutine of its own when the loop ends. It returns once
	// nothing more will be enrolled, and nothing waits in Enroll.
	Close func()
}

// roles finds the role of a connection by its local address, which gnet takes from the
// listener. Every accept asks, so an address is compared as text once and by identity from
// then on.
type roles struct {
	byText map[string]Role // "tcp 127.0.0.1:8001"
	byAddr map[net.Addr]Role
}

func newRoles(tcp []Listener) roles {
	r := roles{byText: map[string]Role{}, byAddr: map[net.Addr]Role{}}
	for _, t := range tcp {
		r.byText[t.Addr.Network()+" "+t.Addr.String()] = t.Role
	}
	return r
}

func (r *roles) of(conn gnet.Conn) Role {
	addr := conn.LocalAddr()
	found, ok := r.byAddr[addr]
	if !ok {
		found = r.byText[addr.Network()+" "+addr.String()]
		r.byAddr[addr] = found
	}
	return found
}

// Enroll gives the loop a connection that was accepted elsewhere, and returns once the
// loop has taken it. It returns false if the loop is ending; the caller still has the
// connection then. Call it only between Listeners.Accept and the return of
// Listeners.Close, from any goroutine.
//
// Unix sockets need this. gnet could listen on them itself, but it removes whatever is at
// the path, and with one unix socket among its listeners it accepts on another goroutine,
// without any bound, until descriptors run out and the engine ends.
func (l *Loop) Enroll(conn net.Conn, as Role) bool {
	taken, err := l.enrollTo.Enroll(gnet.NewContext(context.Background(), as), conn)
	if err != nil {
		return false
	}
	select {
	case <-taken:
		return true
	case <-l.done: // the engine died, and may never take it
		return false
	}
}
