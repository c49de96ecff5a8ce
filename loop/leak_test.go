package loop_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ssed/ssed"
	"github.com/ssed/ssed/internal/testtool"
	"github.com/ssed/ssed/sse"
)

// TestNoLeak: after ten rounds of 5,000 subscribers and some publishers, who come,
// receive, and go in every way there is, the process has as many descriptors and
// goroutines and, within a tenth, as much heap as after the second. The first fills
// what is kept for good.
func TestNoLeak(t *testing.T) {
	n := testtool.FewerUnderRace(5000)
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Cur < uint64(2*n+1000) {
		testtool.Lack(t, "%d connections within one process need more than %d open files (%v)", n, files.Cur, err)
	}
	s := serve(t, ssed.Options{SendBufferBytes: 4 << 10, DataBytesMax: len(leakData), BacklogBytesMax: 64 << 10})
	c := &crowd{Crowd: testtool.Crowd{
		Address: s.ListenAddrs()[0].String(), Size: n, Net: 92,
		Ways: []testtool.Way{testtool.Closes, testtool.HalfCloses, testtool.Resets, testtool.Abandons, floods: testtool.Abandons},
		Target: func(i int) string {
			target := "/news"
			if i%ways == floods {
				target = "/flood"
			}
			if i%7 == 0 { // streams of their own for some, with names that come back
				target += fmt.Sprintf("?ns=/own/%d", i%700)
			}
			return target
		},
	}, server: s}
	var second, last holdings
	for round := 1; round <= 10; round++ {
		c.Come(t)
		until(t, s, "all are subscribed", func(s ssed.Stats) bool { return s.Subscribers == n })
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

// ways is how many ways to leave there are. Members take them in turn. Those that flood
// never read, and are closed by the server for that.
const ways, floods = 5, 4

// Members who read get all of news, which is more than a socket takes that nobody
// reads. flood is more than a backlog.
const newsCount, floodCount = 4, 20

// publishersCount publishers come and go, too.
const publishersCount = 50

var leakData = strings.Repeat("x", 5000)

// A crowd subscribes to a server.
type crowd struct {
	testtool.Crowd
	server *ssed.Server
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
	c.Receive(t, strings.Repeat("data:"+leakData+"\n\n", newsCount))
	left := c.Size - c.Size/ways
	until(t, c.server, "the flooded are closed, and the others who do not read wait", func(s ssed.Stats) bool {
		return s.Subscribers == left && s.Blocked == c.Size/ways
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
	_, err = conn.Read(make([]byte, 1024))
	must(t, err)
	if i%2 == 0 {
		must(t, conn.(*net.TCPConn).SetLinger(0))
	}
}

// leave ends every connection, and returns when the server knows.
func (c *crowd) leave(t *testing.T) {
	t.Helper()
	c.Leave(t)
	until(t, c.server, "all are gone", func(s ssed.Stats) bool {
		return s.Subscribers == 0 && s.PendingConnections == 0 && s.Publishers == 0 && s.Streams == 0 && s.Blocked == 0 && s.Backlog == 0
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
