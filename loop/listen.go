package loop

import (
	"context"
	"net"

	"github.com/panjf2000/gnet/v2"

	"github.com/ssed/ssed/internal/listen"
)

// A Role is the purpose of a listener's connections.
type Role uint8

const (
	roleUnknown    Role = iota
	RoleSubscriber      // they send an HTTP request and get a stream
	RolePublisher       // they speak the line protocol
)

// A Listener is a TCP address that a loop listens on.
type Listener struct {
	Endpoint listen.Endpoint
	Addr     net.Addr // the local address that its connections report
	Role     Role
}

// Listeners describes where a loop accepts connections.
type Listeners struct {
	TCP []Listener
	// Listening is called on the goroutine of Run, once the loop listens on all of TCP.
	Listening func()
	// Accept is called on a goroutine of gnet, once connections can be given to Enroll. It must not
	// block.
	Accept func()
	// Close is called on a new goroutine when the loop ends. It returns once no more connections
	// will be enrolled and no call of Enroll is waiting.
	Close func()
}

// roles finds the role of a connection by its local address. gnet gives all connections of one
// listener the same net.Addr value. So the address is compared as text once per listener, and by
// identity for every later connection.
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

// Enroll gives the loop a connection that was accepted elsewhere, and returns once the loop has
// taken it. It returns false if the loop is ending; the caller then still owns the connection. Call
// it from any goroutine, but only between Listeners.Accept and the return of Listeners.Close.
//
// Unix sockets need this. gnet could listen on them, but it removes whatever file exists at the
// path. Also, with a unix socket among its listeners it accepts on another goroutine, without a
// bound, until descriptors run out and the engine stops.
func (l *Loop) Enroll(conn net.Conn, as Role) bool {
	taken, err := l.enrollTo.Enroll(gnet.NewContext(context.Background(), as), conn)
	if err != nil {
		return false
	}
	select {
	case <-taken:
		return true
	case <-l.done: // the engine has stopped, and may never take it
		return false
	}
}
