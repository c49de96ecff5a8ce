package testtool

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Relay stands between clients and a daemon, passes bytes both ways as they
// come, and cuts connections when it is told to: a network that fails on demand.
type Relay struct {
	URL string // where clients connect, such as "http://127.0.0.1:40123"

	mu        sync.Mutex
	moved     *sync.Cond   // of target and ended
	target    string       // host:port of the daemon; empty: newcomers are held
	most      func() int64 // nil: no limit
	open      map[*net.TCPConn]bool
	exchanges []*exchange
	ended     bool
	tasks     sync.WaitGroup
}

// An Exchange is what one connection carried so far.
type Exchange struct {
	Heard    string    // what the client sent
	Answered string    // the last answeredMax bytes that it was sent
	Began    time.Time // when it connected
	Ended    time.Time // when its last byte came; zero while it lasts
}

const answeredMax = 4 << 10

type exchange struct {
	heard LockedBuffer

	mu       sync.Mutex
	answered []byte
	began    time.Time
	ended    time.Time
}

// Write notes bytes to the client.
func (e *exchange) Write(p []byte) (n int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answered = append(e.answered, p...)
	e.answered = e.answered[max(0, len(e.answered)-answeredMax):]
	return len(p), nil
}

func (e *exchange) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = time.Now()
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
	r.moved = sync.NewCond(&r.mu)
	r.To(url)
	r.tasks.Go(func() { r.accept(listener) })
	t.Cleanup(func() {
		listener.Close()
		r.mu.Lock()
		r.ended = true
		r.moved.Broadcast()
		r.mu.Unlock()
		r.Cut()
		r.tasks.Wait()
	})
	return r
}

// To sends the connections that come from now on to another daemon. With an empty
// URL they are held: accepted, and passed on once there is a daemon again.
func (r *Relay) To(url string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = strings.TrimPrefix(url, "http://")
	r.moved.Broadcast()
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

// Exchanges returns what each connection carried so far, in the order in which they
// came.
func (r *Relay) Exchanges() (all []Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.exchanges {
		e.mu.Lock()
		all = append(all, Exchange{e.heard.String(), string(e.answered), e.began, e.ended})
		e.mu.Unlock()
	}
	return all
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
	carried := &exchange{began: time.Now()}
	defer carried.end()
	target, most := r.begin(carried)
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
		io.Copy(io.MultiWriter(&carried.heard, server), client)
		server.(*net.TCPConn).CloseWrite()
	})
	answers := io.TeeReader(server, carried)
	if most > 0 {
		io.CopyN(client, answers, most)
	} else {
		io.Copy(client, answers)
	}
}

// begin notes a connection, and returns where it goes, once it may, and how many bytes
// it may carry.
func (r *Relay) begin(carried *exchange) (target string, most int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = append(r.exchanges, carried)
	for r.target == "" && !r.ended {
		r.moved.Wait()
	}
	if r.most != nil {
		most = r.most()
	}
	return r.target, most
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
