package restarts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestNoLeak runs ten rounds in which 5,000 subscribers and 50 publishers connect, and disconnect
// in every possible way. It verifies that after the last round, the daemon has as many descriptors
// as after the second and, within a tenth, as much memory. The loop's own TestNoLeak checks its
// goroutines and its heap.
func TestNoLeak(t *testing.T) {
	n := testtool.FewerUnderRace(5000)
	d := testtool.Start(t, "--publish-loop=own", "--sndbuf=4KiB", "--data-max=8KiB", "--backlog=64KiB")
	c := &crowd{Crowd: testtool.Crowd{
		Address: address(d.Subscribe[0]), Size: n, Net: 93,
		Ways: []testtool.Way{testtool.Closes, testtool.Resets, testtool.HalfCloses, testtool.Abandons},
		// Some subscribers share a stream. The others have streams that are used again in later
		// rounds.
		Target: func(i int) string { return fmt.Sprintf("/news?ns=/own/%d", i%100) },
	}, daemon: d}
	idle := c.load(t)
	var second testtool.Load
	for round := 1; round <= 10; round++ {
		c.Come(t)
		c.receive(t)
		c.Leave(t)
		if round == 2 {
			second = c.settle(t, testtool.Load{Memory: idle.Memory * 3 / 2, Descriptors: idle.Descriptors}) // a crowd needs more
		}
	}
	last := c.settle(t, testtool.Load{Memory: second.Memory * 11 / 10, Descriptors: second.Descriptors})
	t.Logf("before: %+v, after round 2: %+v, after round 10: %+v", idle, second, last)
}

// settle waits until the daemon's load is at most most, which is expected after all clients have
// left. The daemon releases memory about a second after a burst of connections, so settle makes
// that burst.
func (c *crowd) settle(t *testing.T, most testtool.Load) (l testtool.Load) {
	t.Helper()
	const burst = 1000
	few := testtool.Crowd{Address: c.Address, Size: min(burst, c.Size), Net: c.Net, Ways: c.Ways, Target: c.Target}
	for deadline := time.Now().Add(2 * testtool.Patience); ; {
		few.Come(t)
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if l = c.load(t); l.Memory <= most.Memory || testtool.Race {
				break
			}
		}
		few.Leave(t)
		testtool.WaitFor(t, "descriptors to be closed", func() bool {
			l.Descriptors = c.load(t).Descriptors
			return l.Descriptors <= most.Descriptors
		})
		if l.Memory <= most.Memory || testtool.Race {
			return l
		}
		if time.Now().After(deadline) {
			t.Fatalf("the load is %+v, want at most %+v", l, most)
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

// A crowd subscribes to a daemon.
type crowd struct {
	testtool.Crowd
	daemon *testtool.Daemon
}

// newsCount is how many messages are published: more than the buffers of a socket hold if its
// client does not read.
const newsCount = 4

var newsData = strings.Repeat("x", 5000)

// receive lets publishers connect, publish and disconnect, half of them in the middle of a line. It
// returns when all reading subscribers have received everything.
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
	c.Receive(t, strings.Repeat("data:"+newsData+"\n\n", newsCount))
}
