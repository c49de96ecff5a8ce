package loop_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/loop"
	"github.com/ssed/ssed/sse"
)

// TestNoLeak: after ten rounds of 5,000 subscribers and some publishers, who come,
// receive, and go in every way there is, the process has as many descriptors and
// goroutines and, within a tenth, as much heap as after the second. The first fills
// what is kept for good.
func TestNoLeak(t *testing.T) {
	n := 5000
	if testtool.Race || testing.Short() {
		n = 500
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Cur < uint64(2*n+1000) {
		testtool.Lack(t, "%d connections within one process need more than %d open files (%v)", n, files.Cur, err)
	}
	s := serve(t, loop.Options{SendBufferBytes: 4 << 10, DataBytesMax: len(leakData), BacklogBytesMax: 64 << 10})
	c := &crowd{server: s, members: make([]member, n), buffer: make([]byte, 64<<10)}
	var second, last holdings
	for round := 1; round <= 10; round++ {
		c.come(t)
		c.receive(t)
		c.leave(t)
		if round == 2 {
			second = held(t)
		}
	}
	// What the server does beside its loop, such as giving memory back, may last.
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if last = held(t); last.within(second) || time.Now().After(deadline) {
			break
		}
	}
	t.Logf("after round 2: %+v, after round 10: %+v", second, last)
	if !last.within(second) {
		t.Error("after round 10 the process holds more than after round 2")
	}
}

// Holdings are what a process can leak.
type holdings struct {
	descriptors, goroutines int
	heapBytes               uint64
}

// within tells whether h is no more than before.
func (h holdings) within(before holdings) bool {
	return h.descriptors <= before.descriptors && h.goroutines <= before.goroutines && h.heapBytes <= before.heapBytes*11/10
}

// held collects garbage first, twice: what a sync.Pool holds outlives the first.
func held(t *testing.T) holdings {
	t.Helper()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	descriptors, err := testtool.DescriptorsOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return holdings{descriptors, runtime.NumGoroutine(), m.HeapAlloc}
}

// The ways to go. Members of a crowd take them in turn.
const (
	closes     = iota // reads everything and closes
	halfCloses        // reads everything, ends its half, and closes when the server has
	resets            // reads everything and breaks the connection
	abandons          // never reads, and closes with its socket full
	floods            // never reads, and is closed by the server for that
	ways
)

// Members who read get all of news, which is more than a socket takes that nobody
// reads. flood is more than a backlog.
const newsCount, floodCount = 4, 20

// publishersCount publishers come and go, too.
const publishersCount = 50

var (
	leakData  = strings.Repeat("x", 5000)
	leakFrame = []byte("data:" + leakData + "\n\n")
)

// A member is a plain socket: 5,000 connections of package net would put as much
// on this process's heap as what is looked for there.
type member struct{ fd, way int }

func (m member) reads() bool { return m.way < abandons }

// A crowd comes, receives and goes, again and again.
type crowd struct {
	server  *loop.Server
	members []member
	buffer  []byte
}

// come subscribes everybody. Those who read have read their head.
func (c *crowd) come(t *testing.T) {
	t.Helper()
	const atOnce = 500 // fewer than a listener's queue holds
	for from := 0; from < len(c.members); from += atOnce {
		some := c.members[from:min(from+atOnce, len(c.members))]
		for i := range some {
			some[i] = c.connect(t, from+i)
		}
		for _, m := range some {
			if m.reads() {
				c.readHead(t, m.fd)
			}
		}
	}
	until(t, c.server, "all are subscribed", func(s loop.Stats) bool { return s.Subscribers == len(c.members) })
}

// connect opens a connection and sends a request. Members come from many
// addresses: one has too few ports for ten rounds.
func (c *crowd) connect(t *testing.T, i int) member {
	t.Helper()
	m := member{way: i % ways}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	m.fd = fd
	timeout := unix.NsecToTimeval(patience.Nanoseconds())
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1))
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 92, byte(1 + i%32)}}))
	if !m.reads() {
		must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1)) // the least there is
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: portOf(c.server)})
	if err != nil && err != unix.EINTR { // interrupted, it goes on, and write waits for it
		t.Fatal(err)
	}
	target := "/news"
	if m.way == floods {
		target = "/flood"
	}
	if i%7 == 0 { // streams of their own for some, with names that come back
		target += fmt.Sprintf("?ns=/own/%d", i%700)
	}
	request := fmt.Sprintf("GET /subscribe%s HTTP/1.1\r\nHost: x\r\nUser-Agent: member %d\r\n\r\n", target, i%1000)
	if n, err := uninterrupted(unix.Write, fd, []byte(request)); n < len(request) {
		t.Fatalf("%d bytes of a request were sent: %v", n, err)
	}
	return m
}

// uninterrupted makes a system call that may block, past the signals with which
// the runtime stops threads.
func uninterrupted(call func(int, []byte) (int, error), fd int, b []byte) (n int, err error) {
	for {
		if n, err = call(fd, b); err != unix.EINTR {
			return n, err
		}
	}
}

func (c *crowd) readHead(t *testing.T, fd int) {
	t.Helper()
	got := c.buffer[:0]
	for !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
		n, err := uninterrupted(unix.Read, fd, c.buffer[len(got):])
		if n <= 0 {
			t.Fatalf("a head is %q, %v", got, err)
		}
		got = got[:len(got)+n]
	}
	if !bytes.HasPrefix(got, []byte("HTTP/1.1 200 ")) {
		t.Fatalf("a head is %q", got)
	}
}

// receive publishes, and returns when all who read have everything, and those who
// do not are where they were meant to come.
func (c *crowd) receive(t *testing.T) {
	t.Helper()
	for i := range publishersCount {
		line := "PING"
		if i < newsCount {
			line = "PUB /news - " + leakData
		}
		c.publish(t, line, i)
	}
	for range floodCount {
		publishAll(t, c.server, sse.Message{Namespace: "/flood", Data: []byte(leakData)})
	}
	want := bytes.Repeat(leakFrame, newsCount)
	for _, m := range c.members {
		if !m.reads() {
			continue
		}
		got := c.buffer[:0]
		for len(got) < len(want) {
			n, err := uninterrupted(unix.Read, m.fd, c.buffer[len(got):len(want)])
			if n <= 0 {
				t.Fatalf("a stream ends after %d bytes of %d: %v", len(got), len(want), err)
			}
			got = got[:len(got)+n]
		}
		if !bytes.Equal(got, want) {
			t.Fatal("a stream is not what was published")
		}
	}
	left := len(c.members) - len(c.members)/ways
	until(t, c.server, "the flooded are closed, and the others who do not read wait", func(s loop.Stats) bool {
		return s.Subscribers == left && s.Blocked == len(c.members)/ways
	})
}

// publish sends a line on a connection of its own, and leaves within the next, by
// a reset every other time.
func (c *crowd) publish(t *testing.T, line string, i int) {
	t.Helper()
	conn, err := net.Dial("tcp", c.server.PublishAddrs()[0].String())
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "%s\nPUB /news - never to be en", line)
	must(t, err)
	_, err = conn.Read(c.buffer)
	must(t, err)
	if i%2 == 0 {
		must(t, conn.(*net.TCPConn).SetLinger(0))
	}
}

// leave ends every connection, and returns when the server knows.
func (c *crowd) leave(t *testing.T) {
	t.Helper()
	for _, m := range c.members {
		switch m.way {
		case halfCloses:
			must(t, unix.Shutdown(m.fd, unix.SHUT_WR))
			if n, err := uninterrupted(unix.Read, m.fd, c.buffer); n != 0 || err != nil {
				t.Errorf("after the end of one half: %d bytes, %v", n, err)
			}
		case resets:
			must(t, unix.SetsockoptLinger(m.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		}
		must(t, unix.Close(m.fd))
	}
	until(t, c.server, "all are gone", func(s loop.Stats) bool {
		return s.Subscribers == 0 && s.PendingConnections == 0 && s.Publishers == 0 && s.Streams == 0 && s.Blocked == 0 && s.Backlog == 0
	})
}

func portOf(s *loop.Server) int { return s.ListenAddrs()[0].(*net.TCPAddr).Port }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
