package main

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
)

// A muffler is a proxy between a publisher and the daemon. It forwards everything, but can drop the
// daemon's replies.
type muffler struct {
	url string

	mu      sync.Mutex
	muffled bool
	passed  int // forwarded replies that begin with "OK "
	open    []net.Conn
	tasks   sync.WaitGroup
}

// startMuffler starts a muffler for a daemon's publish address. It stops at the end of the test.
func startMuffler(t *testing.T, daemon string) *muffler {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &muffler{url: "tcp://" + listener.Addr().String()}
	m.tasks.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(daemon, "tcp://"))
			if err != nil {
				client.Close()
				continue
			}
			m.mu.Lock()
			m.open = append(m.open, client, server)
			m.mu.Unlock()
			m.tasks.Go(func() { m.pass(server, client, false) })
			m.tasks.Go(func() { m.pass(client, server, true) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		m.cut()
		m.tasks.Wait()
	})
	return m
}

func (m *muffler) pass(to, from net.Conn, replies bool) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		m.mu.Lock()
		drop := replies && m.muffled
		if replies && !drop {
			m.passed += bytes.Count(buffer[:n], []byte("OK "))
		}
		m.mu.Unlock()
		if drop {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (m *muffler) muffle(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.muffled = on
}

// messages returns how many OK replies were forwarded.
func (m *muffler) messages() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.passed
}

// cut closes all connections.
func (m *muffler) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, conn := range m.open {
		conn.Close()
	}
	m.open = nil
}
