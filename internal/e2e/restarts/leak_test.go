package restarts

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestNoLeak: after ten rounds of 5,000 subscribers and 50 publishers, who come,
// and go in every way there is, the daemon has as many descriptors and, within a
// tenth, as much memory as after the second. What goroutines and heap it has, the
// loop's own test of this name looks at from within.
func TestNoLeak(t *testing.T) {
	n := 5000
	if testtool.Race || testing.Short() {
		n = 500
	}
	d := testtool.Start(t, "--publish-loop=own", "--sndbuf=4KiB", "--data-max=8KiB", "--backlog=64KiB")
	c := &crowd{daemon: d, members: make([]*net.TCPConn, n), buffer: make([]byte, 64<<10)}
	peace := c.load(t)
	var second testtool.Load
	for round := 1; round <= 10; round++ {
		c.come(t)
		c.receive(t)
		c.leave(t)
		if round == 2 {
			second = c.settle(t, testtool.Load{Memory: peace.Memory * 3 / 2, Descriptors: peace.Descriptors}) // a crowd takes more
		}
	}
	last := c.settle(t, testtool.Load{Memory: second.Memory * 11 / 10, Descriptors: second.Descriptors})
	t.Logf("before: %+v, after round 2: %+v, after round 10: %+v", peace, second, last)
}

// settle waits until the daemon holds no more than most, which it must, now that
// everybody is gone. It gives memory back about a second after a burst of
// connections, and so it gets one.
func (c *crowd) settle(t *testing.T, most testtool.Load) (l testtool.Load) {
	t.Helper()
	const burst = 1000
	few := &crowd{daemon: c.daemon, members: c.members[:min(burst, len(c.members))], buffer: c.buffer}
	for deadline := time.Now().Add(2 * testtool.Patience); ; {
		few.come(t)
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if l = c.load(t); l.Memory <= most.Memory || testtool.Race {
				break
			}
		}
		few.leave(t)
		testtool.WaitFor(t, "descriptors to be closed", func() bool {
			l.Descriptors = c.load(t).Descriptors
			return l.Descriptors <= most.Descriptors
		})
		if l.Memory <= most.Memory || testtool.Race {
			return l
		}
		if time.Now().After(deadline) {
			t.Fatalf("the daemon holds %+v, %+v was to be the most", l, most)
		}
	}
}

func (c *crowd) load(t *testing.T) testtool.Load {
	t.Helper()
	l, err := testtool.LoadOf(c.daemon.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A crowd comes, receives and goes, again and again.
type crowd struct {
	daemon  *testtool.Daemon
	members []*net.TCPConn
	buffer  []byte
}

// Every fourth member never reads, and has a tiny socket to not read from. The rest
// leave in three ways.
func reads(i int) bool { return i%4 != 3 }

const (
	leavesByReset = iota + 1
	leavesByHalf
)

// newsCount messages are more than a socket takes that nobody reads.
const newsCount = 4

var newsData = strings.Repeat("x", 5000)

// come subscribes everybody, one after the other. Those who read have read their
// head. Some share a stream, and others have one that comes back in later rounds.
func (c *crowd) come(t *testing.T) {
	t.Helper()
	for i := range c.members {
		conn := c.connect(t, i)
		c.members[i] = conn
		fmt.Fprintf(conn, "GET /subscribe/news?ns=/own/%d HTTP/1.1\r\nHost: localhost\r\nUser-Agent: member %d\r\n\r\n", i%100, i%1000)
		if !reads(i) {
			continue
		}
		head := ""
		for !strings.HasSuffix(head, "\r\n\r\n") {
			n, err := conn.Read(c.buffer)
			if head += string(c.buffer[:n]); err != nil {
				t.Fatalf("a head is %q, %v", head, err)
			}
		}
	}
}

// connect opens a connection, from one of many addresses: one has too few ports
// for ten rounds.
func (c *crowd) connect(t *testing.T, i int) *net.TCPConn {
	t.Helper()
	dialer := testtool.Dialer{From: net.IPv4(127, 0, 93, byte(1+i%32))}
	if !reads(i) {
		dialer.ReceiveBytes = 1 // the least there is
	}
	conn, err := dialer.Dial(t.Context(), c.daemon.Subscribe[0])
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(2 * testtool.Patience))
	return conn.(*net.TCPConn)
}

// receive has publishers come, publish and go, half of them within a line, and
// returns when all who read have everything.
func (c *crowd) receive(t *testing.T) {
	t.Helper()
	for i := range 50 {
		p := testtool.DialPublisher(t, c.daemon.Publish[0])
		line := "PING"
		if i < newsCount {
			line = "PUB /news - " + newsData
		}
		p.Ask(t, line)
		if i%2 == 0 {
			p.Send(t, "PUB /news - never to be en")
		}
		p.Conn.Close()
	}
	want := strings.Repeat("data:"+newsData+"\n\n", newsCount)
	for i, conn := range c.members {
		if !reads(i) {
			continue
		}
		got := c.buffer[:len(want)]
		if n, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("a stream of %d bytes (%v) is not what was published", n, err)
		}
	}
}

// leave ends every connection.
func (c *crowd) leave(t *testing.T) {
	t.Helper()
	for i, conn := range c.members {
		switch i % 4 {
		case leavesByReset:
			conn.SetLinger(0)
		case leavesByHalf:
			conn.CloseWrite()
			if n, err := conn.Read(c.buffer); n > 0 || err != io.EOF {
				t.Errorf("after the end of one half: %d bytes, %v", n, err)
			}
		}
		conn.Close()
	}
}
