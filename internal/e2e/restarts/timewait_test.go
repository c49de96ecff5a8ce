package restarts

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// TestRestartAmongTimeWait verifies that a daemon can start on ports that are still in TIME_WAIT. A
// daemon that exits closes its connections first, so the kernel keeps its ports busy for a minute.
// Half of the old clients have closed their end of the connection, and half have not.
func TestRestartAmongTimeWait(t *testing.T) {
	for name, signal := range map[string]os.Signal{"stopped": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testtool.BothLoops(t, func(t *testing.T, flag string) { restartAmongTimeWait(t, flag, signal) })
		})
	}
}

func restartAmongTimeWait(t *testing.T, flag string, signal os.Signal) {
	const many = 100
	first := testtool.Start(t, flag, "--listen="+own, "--publish=tcp://"+own)
	listen, publishAt := address(first.Subscribe[0]), address(first.Publish[0])
	var clients, publishers []net.Conn
	for range many {
		clients = append(clients, testtool.OpenStream(t, listen, "/subscribe/news").Conn)
		p := testtool.DialPublisher(t, first.Publish[0])
		if got := p.Ask(t, "PING"); got != "PONG" {
			t.Fatalf("PING was answered %q", got)
		}
		publishers = append(publishers, p.Conn)
	}
	if err := first.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if code := first.Wait(t); signal == syscall.SIGTERM && code != 0 {
		t.Errorf("exit code %d", code)
	}
	leaveHalfOpen(t, listen, clients)
	leaveHalfOpen(t, publishAt, publishers)

	second := testtool.Start(t, flag, "--listen="+listen, "--publish=tcp://"+publishAt)
	news := testtool.OpenStream(t, listen, "/subscribe/news")
	publish(t, second.Publish[0], "again")
	news.WantFrame(t, "data:again\n\n")
}

// leaveHalfOpen closes every other client of a stopped daemon. It checks that the kernel keeps
// sockets of the daemon for both kinds of clients.
func leaveHalfOpen(t *testing.T, address string, clients []net.Conn) {
	t.Helper()
	for i, conn := range clients {
		conn.SetDeadline(time.Now().Add(testtool.Patience))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("a client's connection failed with %v", err)
		}
		if i%2 == 0 {
			conn.Close()
		}
	}
	for _, state := range []testtool.SocketState{testtool.TimeWait, testtool.FinWait2} {
		testtool.WaitFor(t, "sockets at "+address+" in state "+string(state), func() bool {
			n, err := testtool.SocketsIn(state, address)
			if err != nil {
				t.Fatal(err)
			}
			return n > 0
		})
	}
}
