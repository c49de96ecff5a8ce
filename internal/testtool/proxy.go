package testtool

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Proxy is a network between clients and a daemon that can fail on demand. It forwards bytes both
// ways, and cuts connections when the test calls Cut or Reset.
type Proxy struct {
	URL string // where clients connect, such as "http://127.0.0.1:40123"

	mu        sync.Mutex
	moved     *sync.Cond   // target or ended has changed
	target    string       // host:port of the daemon; empty: new connections wait
	most      func() int64 // see Limit; nil: no limit
	open      map[*net.TCPConn]bool
	exchanges []*exchange
	ended     bool
	tasks     sync.WaitGroup
}

// An Exchange is the traffic of one connection so far.
type Exchange struct {
	Heard    string    // bytes from the client
	Answered string    // the last answeredMax bytes to the client
	Began    time.Time // when the client connected
	Ended    time.Time // when the last byte was forwarded; zero while the connection is open
}

// answeredMax limits how many bytes of an answer are kept.
const answeredMax = 4 << 10

type exchange struct {
	heard LockedBuffer

	mu       sync.Mutex
	answered []byte
	began    time.Time
	ended    time.Time
}

// Write records bytes to the client.
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

// StartProxy starts a proxy on a free port of 127.0.0.1. It forwards to a daemon's URL, such as
// Daemon.Subscribe[0]. It is closed when the test ends.
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

// To forwards new connections to another daemon. With an empty URL, new connections are accepted
// but wait until To is called with a daemon again.
func (p *Proxy) To(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = strings.TrimPrefix(url, "http://")
	p.moved.Broadcast()
}

// Limit cuts each new connection after a number of bytes to the client, including the head. most is
// called once for each connection and returns that number; 0 means no limit.
func (p *Proxy) Limit(most func() int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = most
}

// Cut closes all connections normally, as a server does.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		conn.Close()
	}
}

// Reset resets all connections, as if the peer had crashed. Both sides get an error.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		conn.SetLinger(0) // a close then sends RST, not FIN
		conn.Close()
	}
}

// Exchanges returns the traffic of each connection so far, in the order of their start.
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

// serve forwards the bytes of one connection until either side closes it. If the daemon cannot be
// reached, serve closes the client's connection without an answer.
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

// begin records a connection and waits until there is a target. It returns the target, and how many
// bytes may be sent to the client.
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

// hold registers connections for Cut and Reset. It returns false if the test has ended.
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
