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

// TestNoLeak runs ten rounds of 5,000 subscribers and some publishers that connect, receive
// messages, and disconnect in every possible way. After the last round, the process must have no
// more descriptors and goroutines than after the second, and at most a tenth more heap. The first
// two rounds allocate memory that is kept permanently.
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
			if i%7 == 0 { // some have their own streams, with names that are used again
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
	// The server may need a moment for work outside its loop, such as freeing memory.
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

// holdings are resources that a process can leak.
type holdings struct {
	descriptors, goroutines int
	heapBytes               uint64
}

// within reports whether h is at most as much as before.
func (h holdings) within(before holdings) bool {
	return h.descriptors <= before.descriptors && h.goroutines <= before.goroutines && h.heapBytes <= before.heapBytes*11/10
}

// held runs the garbage collector twice, because a sync.Pool keeps its contents for one run.
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

// ways is the number of ways to disconnect, which members use in turn. Members that flood never
// read, and the server disconnects them for that.
const ways, floods = 5, 4

// Members that read get all messages of the news. These are more than a socket accepts from a
// subscriber that does not read. A flood is more than a backlog.
const newsCount, floodCount = 4, 20

// publishersCount is the number of publishers that connect and disconnect in each round.
const publishersCount = 50

var leakData = strings.Repeat("x", 5000)

// A crowd is the set of subscribers and publishers of one round.
type crowd struct {
	testtool.Crowd
	server *ssed.Server
}

// receive publishes messages. It returns when all members that read have received everything, and
// all others are in the state that the test intends.
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

// publish sends a line on a new connection. It disconnects in the middle of the next line, every
// other time with a reset.
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

// leave closes every connection, and returns when the server has noticed.
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
