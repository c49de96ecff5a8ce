package testtool

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// A Relay stands between clients and a daemon, passes bytes both ways as they
// come, and cuts connections when it is told to: a network that fails on demand.
type Relay struct {
	URL string // where clients connect, such as "http://127.0.0.1:40123"

	mu     sync.Mutex
	target string       // host:port of the daemon
	most   func() int64 // nil: no limit
	open   map[*net.TCPConn]bool
	heard  []*LockedBuffer
	ended  bool
	tasks  sync.WaitGroup
}

// StartRelay starts a relay on a free port of 127.0.0.1, to a daemon's URL such as
// Daemon.Subscribe[0]. It ends with the test.
func StartRelay(t testing.TB, url string) *Relay {
	t.Helper()
	Started(t, "a relay")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{URL: "http://" + listener.Addr().String(), open: map[*net.TCPConn]bool{}}
	r.To(url)
	r.tasks.Go(func() { r.accept(listener) })
	t.Cleanup(func() {
		listener.Close()
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
		r.Cut()
		r.tasks.Wait()
	})
	return r
}

// To sends the connections that come from now on to another daemon.
func (r *Relay) To(url string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = strings.TrimPrefix(url, "http://")
}

// Limit has every connection that comes from now on cut after as many bytes to the
// client as most says, which is asked once for each; 0 is no limit. The first of
// them also carry the head.
func (r *Relay) Limit(most func() int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = most
}

// Cut ends all connections the orderly way, as a server does that closes.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.open {
		conn.Close()
	}
}

// Reset breaks all connections: each side sees that its peer is gone.
func (r *Relay) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.open {
		conn.SetLinger(0) // a close then sends RST, not FIN
		conn.Close()
	}
}

// Heard returns what the clients sent so far, one string per connection, in the
// order in which they came.
func (r *Relay) Heard() (heard []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sent := range r.heard {
		heard = append(heard, sent.String())
	}
	return heard
}

func (r *Relay) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		r.tasks.Go(func() { r.serve(client.(*net.TCPConn)) })
	}
}

// serve passes one connection's bytes until either side ends it. Where the daemon
// cannot be reached the client's connection closes without an answer.
func (r *Relay) serve(client *net.TCPConn) {
	defer client.Close()
	r.mu.Lock()
	target, sent, most := r.target, &LockedBuffer{}, int64(0)
	r.heard = append(r.heard, sent)
	if r.most != nil {
		most = r.most()
	}
	r.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	both := []*net.TCPConn{client, server.(*net.TCPConn)}
	if !r.hold(both) {
		return
	}
	defer r.release(both)
	r.tasks.Go(func() {
		io.Copy(io.MultiWriter(sent, server), client)
		server.(*net.TCPConn).CloseWrite()
	})
	if most > 0 {
		io.CopyN(client, server, most)
	} else {
		io.Copy(client, server)
	}
}

// hold puts connections where Cut and Reset find them, unless the test is over.
func (r *Relay) hold(conns []*net.TCPConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		r.open[conn] = true
	}
	return !r.ended
}

func (r *Relay) release(conns []*net.TCPConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		delete(r.open, conn)
	}
}
