package testtool

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Proxy stands between clients and a daemon, passes bytes both ways as they
// come, and cuts connections when it is told to: a network that fails on demand.
type Proxy struct {
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

// StartProxy starts a proxy on a free port of 127.0.0.1, to a daemon's URL such as
// Daemon.Subscribe[0]. It ends with the test.
func StartProxy(t testing.TB, url string) *Proxy {
	t.Helper()
	Started(t, "a proxy")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{URL: "http://" + listener.Addr().String(), open: map[*net.TCPConn]bool{}}
	p.moved = sync.NewCond(&p.mu)
	p.To(url)
	p.tasks.Go(func() { p.accept(listener) })
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		p.ended = true
		p.moved.Broadcast()
		p.mu.Unlock()
		p.Cut()
		p.tasks.Wait()
	})
	return p
}

// To sends the connections that come from now on to another daemon. With an empty
// URL they are held: accepted, and passed on once there is a daemon again.
func (p *Proxy) To(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = strings.TrimPrefix(url, "http://")
	p.moved.Broadcast()
}

// Limit has every connection that comes from now on cut after as many bytes to the
// client as most says, which is asked once for each; 0 is no limit. The first of
// them also carry the head.
func (p *Proxy) Limit(most func() int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = most
}

// Cut ends all connections the orderly way, as a server does that closes.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		conn.Close()
	}
}

// Reset breaks all connections: each side sees that its peer is gone.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		conn.SetLinger(0) // a close then sends RST, not FIN
		conn.Close()
	}
}

// Exchanges returns what each connection carried so far, in the order in which they
// came.
func (p *Proxy) Exchanges() (all []Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.exchanges {
		e.mu.Lock()
		all = append(all, Exchange{e.heard.String(), string(e.answered), e.began, e.ended})
		e.mu.Unlock()
	}
	return all
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		p.tasks.Go(func() { p.serve(client.(*net.TCPConn)) })
	}
}

// serve passes one connection's bytes until either side ends it. Where the daemon
// cannot be reached the client's connection closes without an answer.
func (p *Proxy) serve(client *net.TCPConn) {
	defer client.Close()
	carried := &exchange{began: time.Now()}
	defer carried.end()
	target, most := p.begin(carried)
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	both := []*net.TCPConn{client, server.(*net.TCPConn)}
	if !p.hold(both) {
		return
	}
	defer p.release(both)
	p.tasks.Go(func() {
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
func (p *Proxy) begin(carried *exchange) (target string, most int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchanges = append(p.exchanges, carried)
	for p.target == "" && !p.ended {
		p.moved.Wait()
	}
	if p.most != nil {
		most = p.most()
	}
	return p.target, most
}

// hold puts connections where Cut and Reset find them, unless the test is over.
func (p *Proxy) hold(conns []*net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		p.open[conn] = true
	}
	return !p.ended
}

func (p *Proxy) release(conns []*net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		delete(p.open, conn)
	}
}
